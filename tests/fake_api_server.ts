import type { ApiCredentials } from "../k8s/credentials.ts";

/** An HTTP server on loopback for faults that a real API server cannot be made to have; for tests. */
export function serveFake(
  handler: (request: Request) => Response | Promise<Response>,
): AsyncDisposable & { readonly credentials: ApiCredentials } {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    handler,
  );
  return {
    credentials: {
      server: `http://127.0.0.1:${server.addr.port}`,
      caCertificates: [],
      namespace: "default",
      authorize: () => Promise.resolve(),
      describe: () => "a fake",
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

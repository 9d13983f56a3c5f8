import type { ComponentExports, ComponentInstance } from "./load_component.ts";
import {
  IncomingRequest,
  type OutgoingResponse,
  ResponseOutparam,
} from "./http_messages.ts";

/** Where a server of HTTP requests listens. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
}

/** What a server calls. */
export interface HttpGuest {
  /** A new instance, which answers one request. */
  instantiate(): Promise<ComponentInstance>;
  /** Told of each instance that trapped. */
  failed(error: unknown): void;
}

/** Answers requests, each with an instance of its own, until disposed. */
export function serveHttp(
  address: ListenAddress,
  guest: HttpGuest,
): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve(
    { ...address, onListen: () => {} },
    (request) => answer(request, guest),
  );
}

async function answer(request: Request, guest: HttpGuest): Promise<Response> {
  const first = Promise.withResolvers<OutgoingResponse | undefined>();
  let response: OutgoingResponse | undefined;
  const param = new ResponseOutparam((given) => {
    response = given;
    first.resolve(given);
  });
  try {
    const { exports, trapped } = await guest.instantiate();
    const call = handlerOf(exports)(new IncomingRequest(request), param);
    const handling = Promise.race([call, trapped])
      .catch((error) => guest.failed(error))
      .finally(() => {
        first.resolve(undefined);
        response?.abandon();
      });
    // It goes on writing its body after this; only its end matters where it gave no response.
    void handling;
    return (await first.promise)?.toResponse() ?? failure();
  } catch (error) {
    guest.failed(error);
    return failure();
  }
}

function handlerOf(
  exports: ComponentExports,
): (request: IncomingRequest, response: ResponseOutparam) => Promise<unknown> {
  const name = Object.keys(exports)
    .find((name) => name.startsWith("wasi:http/incoming-handler@"));
  const handle = name === undefined ? undefined : exports[name]?.["handle"];
  if (typeof handle !== "function") {
    throw new TypeError("component exports no wasi:http/incoming-handler");
  }
  // Called without waiting, what it throws at once would be no rejection.
  return async (...args) => await handle(...args);
}

function failure(): Response {
  return new Response("the guest gave no response\n", { status: 500 });
}

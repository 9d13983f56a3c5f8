import assert from "node:assert/strict";
import http2 from "node:http2";
import { Deadline } from "../async/deadline.ts";
import { checkGrpc } from "./grpc_health.ts";
import { localDial } from "./test_dial.ts";

const { signal } = new AbortController();

/** Asks a server for its health. */
async function check(
  port: number,
  { service = "", timeoutMs = 5_000 } = {},
): Promise<string | undefined> {
  using deadline = new Deadline(timeoutMs, { signal });
  return await checkGrpc(localDial, { host: "127.0.0.1", port }, {
    ...{ service, deadline, timeoutMs, timeoutText: "5s", signal },
  });
}

/** A gRPC server that answers each request so. */
async function serving(
  answer: (
    stream: http2.ServerHttp2Stream,
    headers: http2.IncomingHttpHeaders,
    body: Uint8Array,
  ) => void,
  use: (port: number) => Promise<void>,
): Promise<void> {
  const server = http2.createServer();
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => undefined);
  });
  server.on("stream", (stream, headers) => {
    const chunks: Uint8Array[] = [];
    stream.on("error", () => undefined);
    stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    stream.on(
      "end",
      () =>
        answer(stream, headers, Uint8Array.from(chunks.flatMap((c) => [...c]))),
    );
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  try {
    assert.ok(typeof address === "object" && address !== null);
    await use(address.port);
  } finally {
    for (const session of sessions) session.destroy();
    await new Promise<void>((done) => server.close(() => done()));
  }
}

/** Answers with a message, then the trailers. */
function reply(stream: http2.ServerHttp2Stream, message: readonly number[]) {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, {
    waitForTrailers: true,
  });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(Uint8Array.from([0, 0, 0, 0, message.length, ...message]));
}

Deno.test("checkGrpc() is content with a server that serves, and names the service", async () => {
  let seen: unknown;
  await serving((stream, headers, body) => {
    seen = { path: headers[":path"], body: [...body], te: headers.te };
    reply(stream, [8, 1]);
  }, async (port) => {
    assert.equal(await check(port, { service: "ab" }), undefined);
  });
  assert.deepEqual(seen, {
    path: "/grpc.health.v1.Health/Check",
    body: [0, 0, 0, 0, 4, 10, 2, 97, 98],
    te: "trailers",
  });
});

for (
  const [message, status] of [
    [[8, 2], "NOT_SERVING"],
    [[8, 3], "SERVICE_UNKNOWN"],
    [[], "UNKNOWN"],
  ] as const
) {
  Deno.test(`checkGrpc() says that a service is ${status}`, async () => {
    await serving(
      (stream) => reply(stream, message),
      async (port) =>
        assert.equal(
          await check(port),
          `service unhealthy (responded with "${status}")`,
        ),
    );
  });
}

for (
  const [headers, want] of [
    [
      { "grpc-status": "12", "grpc-message": "unknown service%20x" },
      "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service x",
    ],
    [
      { "grpc-status": "5", "grpc-message": "unknown service" },
      "error: health rpc probe failed: rpc error: code = NotFound desc = unknown service",
    ],
    [
      { ":status": 404 },
      "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unexpected HTTP status code received from server: 404",
    ],
  ] as const
) {
  Deno.test(`checkGrpc() says: ${want}`, async () => {
    await serving((stream) => {
      stream.respond({ ":status": 200, ...headers }, { endStream: true });
    }, async (port) => assert.equal(await check(port), want));
  });
}

Deno.test("checkGrpc() says when a server does not answer in time", async () => {
  await serving(() => {}, async (port) => {
    assert.equal(
      await check(port, { timeoutMs: 200 }),
      "timeout: health rpc did not complete within 5s",
    );
  });
});

Deno.test("checkGrpc() says when nobody listens, or speaks no HTTP/2", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const want =
    `timeout: failed to connect service "127.0.0.1:${port}" within 5s: context deadline exceeded`;
  const [conn, verdict] = await Promise.all([
    listener.accept(),
    check(port, { timeoutMs: 200 }),
  ]);
  conn.close();
  assert.equal(verdict, want);
  listener.close();
  assert.equal(await check(port, { timeoutMs: 50 }), want);
});

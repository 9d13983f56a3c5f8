import assert from "node:assert/strict";
import type { AbortOptions } from "../../async/abort.ts";
import type { ByteStream } from "../../async/byte_stream.ts";
import type { ConnectPort, PortForwardOptions } from "./port_forward.ts";
import { servePortForwardSpdy } from "./port_forward_spdy.ts";
import { SpdySession, type SpdyStream } from "./spdy_session.ts";
import { connectLocally, echo, testPort } from "./test_ports.ts";
import { streamPair } from "./test_stream.ts";
import { WebSocketConnection, webSocketTunnel } from "./websocket.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const refused: ConnectPort = () =>
  Promise.reject(new Deno.errors.ConnectionRefused("nothing listens there"));

/** Reads until the end. */
async function readAll(stream: SpdyStream): Promise<string> {
  const chunks: Uint8Array[] = [];
  for (let chunk; (chunk = await stream.read()) !== undefined;) {
    chunks.push(chunk);
  }
  return await new Blob(chunks as BlobPart[]).text();
}

interface Client extends AsyncDisposable {
  readonly session: SpdySession;
  /** Resolves when the server has ended. */
  readonly served: Promise<void>;
  /** Opens one stream, with a request id unless it is undefined. */
  stream(
    type: string,
    port: number | string,
    requestId?: string,
  ): Promise<SpdyStream>;
  /** Opens both streams as kubectl does: the error stream first, half-closed at once. */
  forward(
    port: number,
    requestId?: string,
  ): Promise<{ readonly data: SpdyStream; readonly error: SpdyStream }>;
}

function serve(
  connect: ConnectPort,
  options: Partial<PortForwardOptions> = {},
  [near, far]: readonly [ByteStream, ByteStream] = streamPair(),
): Client {
  const stop = new AbortController();
  const served = servePortForwardSpdy(
    new SpdySession(near, { role: "server" }),
    connect,
    { signal: stop.signal, ...options },
  );
  const session = new SpdySession(far, { role: "client" });
  const running = session.run({ signal: stop.signal });
  return {
    session,
    served,
    stream: (type, port, requestId) =>
      session.open(
        new Map([
          ["streamtype", type],
          ["port", `${port}`],
          ...(requestId === undefined
            ? []
            : [["requestid", requestId] as const]),
        ]),
      ),
    async forward(port, requestId) {
      const error = await this.stream("error", port, requestId);
      await error.end();
      return { error, data: await this.stream("data", port, requestId) };
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([served, running]);
    },
  };
}

Deno.test("servePortForwardSpdy() forwards many connections at a time, with half-close both ways", async () => {
  await using server = testPort(echo);
  await using client = serve(connectLocally);
  await Promise.all(Array.from({ length: 8 }, async (_, id) => {
    const { data, error } = await client.forward(server.port, `${id}`);
    const sent = `${id}`.repeat(300_000);
    const got = readAll(data);
    await data.write(encode(sent));
    await data.end();
    assert(await got === sent);
    assert.equal(await readAll(error), "");
  }));
  await server.untilOpen(0);
});

Deno.test("servePortForwardSpdy() ends the error stream with the pod's side, before the client's", async () => {
  let ended: string | undefined;
  await using server = testPort(async (conn) => {
    await conn.write(encode("bye"));
    await conn.closeWrite();
    const rest = new Uint8Array(100);
    ended = new TextDecoder().decode(
      rest.subarray(0, await conn.read(rest) ?? 0),
    );
  });
  await using client = serve(connectLocally);
  const { data, error } = await client.forward(server.port, "1");
  assert.equal(await readAll(data), "bye");
  assert.equal(await readAll(error), "");
  await data.write(encode("still talking"));
  await data.end();
  await server.untilOpen(0);
  assert.equal(ended, "still talking");
});

Deno.test("servePortForwardSpdy() tells in the kubelet's words what it cannot connect to, and goes on", async () => {
  await using server = testPort(echo);
  const connect: ConnectPort = (port, options) =>
    port === 81 ? refused(port, options) : connectLocally(port);
  await using client = serve(connect, { pod: "4242-uid" });
  const bad = await client.forward(81, "1");
  assert.equal(
    await readAll(bad.error),
    "error forwarding port 81 to pod 4242-uid, uid : nothing listens there",
  );
  assert.equal(await readAll(bad.data), "");
  const good = await client.forward(server.port, "2");
  await good.data.write(encode("hello"));
  await good.data.end();
  assert.equal(await readAll(good.data), "hello");
  assert.equal(await readAll(good.error), "");
});

Deno.test("servePortForwardSpdy() says nothing of a pod that resets the connection", async () => {
  const connect: ConnectPort = () =>
    Promise.resolve({
      readable: new ReadableStream({
        pull: () => Promise.reject(new Deno.errors.ConnectionReset("reset")),
      }),
      writable: new WritableStream(),
    });
  await using client = serve(connect);
  const { data, error } = await client.forward(80, "1");
  assert.equal(await readAll(data), "");
  assert.equal(await readAll(error), "");
});

Deno.test("servePortForwardSpdy() lets go of a silent pod whose client resets its stream", async () => {
  const dropped = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  const connect: ConnectPort = () =>
    Promise.resolve({
      readable: new ReadableStream({ cancel: () => dropped.resolve() }),
      writable: new WritableStream({ abort: () => aborted.resolve() }),
    });
  await using client = serve(connect);
  const { data, error } = await client.forward(80, "1");
  await data.reset();
  assert.equal(await readAll(error), "");
  await Promise.all([dropped.promise, aborted.promise]);
});

Deno.test("servePortForwardSpdy() ends our side of a pod only when its client has ended", async () => {
  const closed = Promise.withResolvers<void>();
  const connect: ConnectPort = () =>
    Promise.resolve({
      readable: new ReadableStream(),
      writable: new WritableStream({
        close: () => closed.resolve(),
        abort: (reason) => closed.reject(reason),
      }),
    });
  await using client = serve(connect);
  const { data } = await client.forward(80, "1");
  await data.write(encode("x"));
  await data.end();
  await closed.promise;
});

Deno.test("servePortForwardSpdy() drops every connection when the client leaves", async () => {
  await using server = testPort(echo);
  await using client = serve(connectLocally);
  for (const id of ["1", "2", "3"]) {
    const { data } = await client.forward(server.port, id);
    await data.write(encode("x"));
    await data.read();
  }
  assert.equal(server.open, 3);
  await client.session.close();
  await client.served;
  await server.untilOpen(0);
});

Deno.test("servePortForwardSpdy() gives up a connect that is under way when the client leaves", async () => {
  const asked = Promise.withResolvers<AbortOptions>();
  const connect: ConnectPort = (_port, options) => {
    asked.resolve(options);
    return new Promise((_resolve, reject) =>
      options.signal.addEventListener(
        "abort",
        () => reject(options.signal.reason),
      )
    );
  };
  await using client = serve(connect);
  await client.forward(80, "1");
  const { signal } = await asked.promise;
  await client.session.close();
  await client.served;
  assert(signal.aborted);
});

Deno.test("servePortForwardSpdy() pairs the streams of old clients, which send no request id", async () => {
  await using server = testPort(echo);
  await using client = serve(connectLocally);
  for (const text of ["first", "second"]) {
    const { data, error } = await client.forward(server.port);
    await data.write(encode(text));
    await data.end();
    assert.equal(await readAll(data), text);
    assert.equal(await readAll(error), "");
  }
});

Deno.test("servePortForwardSpdy() waits a limited time for the second stream", async () => {
  await using client = serve(refused, { creationTimeout: 5 });
  const error = await client.stream("error", 80, "7");
  assert.equal(
    await readAll(error),
    "(request=7) timed out waiting for streams",
  );
  const data = await client.stream("data", 80, "8");
  assert.equal(await readAll(data), "");
});

Deno.test("servePortForwardSpdy() refuses a second stream of a kind, and forwards the first", async () => {
  await using server = testPort(echo);
  await using client = serve(connectLocally);
  const error = await client.stream("error", server.port, "1");
  const twice = await client.stream("error", server.port, "1");
  assert.equal(await readAll(twice), "");
  const data = await client.stream("data", server.port, "1");
  await data.write(encode("hello"));
  await data.end();
  assert.equal(await readAll(data), "hello");
  assert.equal(
    await readAll(error),
    "error processing stream for request 1: error stream already assigned",
  );
});

for (
  const [what, type, port] of [
    ["port 0", "data", 0],
    ["port 65536", "data", 65536],
    ["a port that is no number", "error", "http"],
    ["no port", "error", ""],
    ["an unknown kind", "stdin", 80],
  ] as const
) {
  Deno.test(`servePortForwardSpdy() resets a stream with ${what}`, async () => {
    await using client = serve(refused);
    const stream = await client.stream(type, port, "1");
    assert.equal(await stream.read(), undefined);
    await assert.rejects(stream.write(encode("x")));
  });
}

Deno.test("servePortForwardSpdy() ends a session in which nothing happens", async () => {
  await using client = serve(refused, { streamIdleTimeout: 20 });
  await client.served;
  assert.equal(await client.session.accept(), undefined);
});

Deno.test("servePortForwardSpdy() ends when it is aborted, with connections open", async () => {
  await using server = testPort(echo);
  {
    await using client = serve(connectLocally);
    const { data } = await client.forward(server.port, "1");
    await data.write(encode("x"));
    await data.read();
  }
  await server.untilOpen(0);
});

Deno.test("servePortForwardSpdy() makes a pod wait whose client does not read", async () => {
  const chunk = new Uint8Array(64 * 1024);
  let taken = 0;
  const readable = new ReadableStream({
    pull(controller) {
      taken += chunk.length;
      controller.enqueue(chunk.slice());
    },
  });
  await using client = serve(() =>
    Promise.resolve({ readable, writable: new WritableStream() })
  );
  const { data } = await client.forward(80, "1");
  await data.read();
  for (let i = 0; i < 20_000; i++) await Promise.resolve();
  const before = taken;
  assert(before < 1_000_000, `${before} bytes were taken`);
  while (taken < 5_000_000) await data.read();
});

Deno.test("servePortForwardSpdy() serves a session that is tunnelled in a WebSocket", async () => {
  await using server = testPort(echo);
  const [a, b] = streamPair();
  const near = new WebSocketConnection(a, { role: "server" });
  const far = new WebSocketConnection(b, { role: "client" });
  await using client = serve(connectLocally, {}, [
    webSocketTunnel(near),
    webSocketTunnel(far),
  ]);
  const { data, error } = await client.forward(server.port, "1");
  const sent = "x".repeat(500_000);
  const got = readAll(data);
  await data.write(encode(sent));
  await data.end();
  assert(await got === sent);
  assert.equal(await readAll(error), "");
  await client.session.close();
  await client.served;
  assert.equal(near.closeCode, 1000);
});

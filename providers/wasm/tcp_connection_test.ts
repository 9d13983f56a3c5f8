import assert from "node:assert/strict";
import { connectTcp } from "./tcp_connection.ts";

Deno.test("connectTcp() carries both directions, and ends them one by one", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    using conn = await listener.accept();
    const got = await new Response(untilEnd(conn)).text();
    await conn.write(new TextEncoder().encode(`${got}${got.length}`));
  })();
  const { signal } = new AbortController();
  const { port } = listener.addr;
  const { readable, writable } = await connectTcp(
    { host: "127.0.0.1", port },
    { signal },
  );
  const writer = writable.getWriter();
  await writer.write(new TextEncoder().encode("hello"));
  await writer.close();
  assert.equal(await new Response(readable).text(), "hello5");
  await serving;
});

Deno.test("connectTcp() drops the connection when its signal aborts", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const stop = new AbortController();
  const { readable } = await connectTcp(
    { host: "127.0.0.1", port: listener.addr.port },
    stop,
  );
  using conn = await listener.accept();
  const reading = new Response(readable).text();
  stop.abort(new Error("no longer"));
  await assert.rejects(reading, /no longer/);
  assert.equal(await conn.read(new Uint8Array(1)), null);
});

Deno.test("connectTcp() says that nobody listens", async () => {
  const port = freePort();
  const { signal } = new AbortController();
  await assert.rejects(
    connectTcp({ host: "127.0.0.1", port }, { signal }),
    Deno.errors.ConnectionRefused,
  );
});

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function untilEnd(conn: Deno.TcpConn): ReadableStream<Uint8Array> {
  const buffer = new Uint8Array(1024);
  return new ReadableStream({
    async pull(controller) {
      const size = await conn.read(buffer);
      if (size === null) return controller.close();
      controller.enqueue(buffer.slice(0, size));
    },
  });
}

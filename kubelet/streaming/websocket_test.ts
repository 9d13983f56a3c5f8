import assert from "node:assert/strict";
import fc from "fast-check";
import type { ByteStream } from "../../async/byte_stream.ts";
import { streamPair, type StreamPairOptions } from "./test_stream.ts";
import {
  WebSocketConnection,
  type WebSocketOptions,
  webSocketTunnel,
} from "./websocket.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | undefined) =>
  bytes && new TextDecoder().decode(bytes);
const never = new AbortController().signal;

interface PairOptions extends StreamPairOptions {
  readonly server?: Omit<WebSocketOptions, "role">;
  readonly client?: Omit<WebSocketOptions, "role">;
}

function connectionPair(options: PairOptions = {}) {
  const [a, b] = streamPair(options);
  return {
    server: new WebSocketConnection(a, { role: "server", ...options.server }),
    client: new WebSocketConnection(b, { role: "client", ...options.client }),
  };
}

/** A server, and the raw bytes of its client. */
function rawPair(options: Partial<WebSocketOptions> = {}) {
  const [a, raw] = streamPair();
  const server = new WebSocketConnection(a, { role: "server", ...options });
  return { server, raw };
}

/** A masked frame whose mask is 0, so that the payload is readable. */
function frame(
  opcode: number,
  payload: string | Uint8Array,
  { final = true }: { final?: boolean } = {},
): Uint8Array {
  const bytes = typeof payload === "string" ? encode(payload) : payload;
  assert(bytes.length < 126);
  const first = (final ? 0x80 : 0) | opcode;
  return new Uint8Array([first, 0x80 | bytes.length, 0, 0, 0, 0, ...bytes]);
}

/** The code of the unmasked close frame that `raw` gets next. */
async function closeCodeOn(raw: ByteStream): Promise<number> {
  const bytes = await raw.read();
  assert.equal(bytes?.[0], 0x88);
  assert.equal(bytes[1], 2);
  return (Number(bytes[2]) << 8) | Number(bytes[3]);
}

Deno.test("WebSocketConnection carries messages of every size both ways, with their kind", async () => {
  const { server, client } = connectionPair({ maxReadBytes: 1000 });
  const sizes = [0, 1, 125, 126, 127, 65535, 65536, 65537, 300_001];
  for (const [from, to] of [[server, client], [client, server]] as const) {
    for (const [index, size] of sizes.entries()) {
      const data = crypto.getRandomValues(new Uint8Array(size % 65536 || size));
      const kind = index % 2 === 0 ? "binary" : "text";
      const written = from.write(data, kind);
      const got = await to.read();
      await written;
      assert.equal(got?.kind, kind);
      assert.deepEqual(got.data, data);
    }
  }
  await Promise.all([server.close(), client.close()]);
});

Deno.test("WebSocketConnection's messages may be kept while more are read", async () => {
  const { server, client } = connectionPair();
  await client.write(encode("first"));
  await client.write(encode("second"));
  const first = await server.read();
  await server.read();
  assert.equal(decode(first?.data), "first");
  await Promise.all([server.close(), client.close()]);
});

Deno.test("WebSocketConnection leaves the data of a client unmasked in the caller's hands", async () => {
  const { server, client } = connectionPair();
  const data = encode("unchanged");
  await client.write(data);
  assert.equal(decode(data), "unchanged");
  await Promise.all([server.close(), client.close()]);
});

Deno.test("WebSocketConnection puts fragments together and answers a ping between them", async () => {
  const { server, raw } = rawPair();
  await raw.write(frame(1, "one ", { final: false }));
  await raw.write(frame(9, "alive?"));
  await raw.write(frame(0, "", { final: false }));
  await raw.write(frame(0, "two ", { final: false }));
  await raw.write(frame(0, "x".repeat(100), { final: false }));
  await raw.write(frame(0, "end"));
  const message = await server.read();
  assert.equal(message?.kind, "text");
  assert.equal(decode(message.data), `one two ${"x".repeat(100)}end`);
  const pong = await raw.read();
  assert.equal(pong?.[0], 0x8a);
  assert.equal(decode(pong?.subarray(2)), "alive?");
  server.destroy();
});

Deno.test("WebSocketConnection answers only the latest of many pings to a client that reads none", async () => {
  const { server, raw } = rawPair();
  const read = server.read();
  const ping = frame(9, "x".repeat(120));
  const pings = new Uint8Array(ping.length * 1000);
  for (let i = 0; i < 1000; i++) pings.set(ping, i * ping.length);
  for (let i = 0; i < 20; i++) await raw.write(pings);
  await raw.write(frame(2, "through"));
  assert.equal(decode((await read)?.data), "through");
  server.destroy();
});

Deno.test("WebSocketConnection reads no more than a chunk ahead of who asks", async () => {
  const { server, client } = connectionPair({ capacityBytes: 4096 });
  let sent = 0;
  const sending = (async () => {
    for (; sent < 100; sent++) await client.write(new Uint8Array(1000));
  })();
  await server.read();
  for (let i = 0; i < 1000; i++) await Promise.resolve();
  assert(sent < 15, `${sent} messages were taken`);
  for (let i = 1; i < 100; i++) await server.read();
  await sending;
  await Promise.all([server.close(), client.close()]);
});

for (
  const [what, bytes, code] of [
    ["an unmasked frame", new Uint8Array([0x82, 1, 7]), 1002],
    ["a reserved bit", new Uint8Array([0xc2, 0x80, 0, 0, 0, 0]), 1002],
    ["a reserved opcode", frame(3, ""), 1002],
    ["a continuation of nothing", frame(0, "x"), 1002],
    [
      "a message within a message",
      new Uint8Array([...frame(2, "x", { final: false }), ...frame(2, "y")]),
      1002,
    ],
    ["half a close code", frame(8, "x"), 1002],
    ["a reserved close code", frame(8, new Uint8Array([3, 237])), 1002],
    ["a message that is too long", frame(2, "x".repeat(101)), 1009],
    [
      "fragments that are too long together",
      new Uint8Array([
        ...frame(2, "x".repeat(60), { final: false }),
        ...frame(0, "x".repeat(60)),
      ]),
      1009,
    ],
  ] as const
) {
  Deno.test(`WebSocketConnection closes with ${code} on ${what}`, async () => {
    const { server, raw } = rawPair({ maxMessageBytes: 100 });
    await raw.write(bytes);
    assert.equal(await server.read(), undefined);
    assert.equal(await closeCodeOn(raw), code);
    await assert.rejects(server.write(encode("late")), /closed/);
    assert.equal(await server.read(), undefined);
    const closed = server.close();
    await raw.close();
    await closed;
    assert.equal(server.closeCode, undefined);
  });
}

Deno.test("WebSocketConnection of a client refuses masked frames", async () => {
  const [a, raw] = streamPair();
  const client = new WebSocketConnection(a, { role: "client" });
  await raw.write(frame(2, "masked"));
  assert.equal(await client.read(), undefined);
  const closed = client.close();
  assert.equal((await raw.read())?.[0], 0x88);
  await raw.close();
  await closed;
});

Deno.test("close() and the peer's close end both sides, after what was sent", async () => {
  const { server, client } = connectionPair();
  await server.write(encode("last words"));
  const closed = server.close(1001);
  assert.equal(decode((await client.read())?.data), "last words");
  assert.equal(await client.read(), undefined);
  assert.equal(client.closeCode, 1001);
  await client.close();
  await closed;
  assert.equal(server.closeCode, 1001);
  await assert.rejects(server.write(encode("late")), /closed/);
  await assert.rejects(client.write(encode("late")), /closed/);
  await server.close();
});

Deno.test("close() drops messages that still come, also under a pending read", async () => {
  const { server, client } = connectionPair();
  const read = server.read();
  const closed = server.close();
  await client.write(encode("too late"));
  assert.equal(await client.read(), undefined);
  await Promise.all([closed, client.close()]);
  assert.equal(await read, undefined);
});

Deno.test("close() gives up on a peer that does not answer", async () => {
  const { server } = rawPair({ closeTimeout: 5 });
  await server.close();
});

Deno.test("close() gives up on a peer that takes nothing", async () => {
  const [a] = streamPair({ capacityBytes: 10 });
  const server = new WebSocketConnection(a, {
    role: "server",
    closeTimeout: 5,
  });
  const lost = assert.rejects(server.write(new Uint8Array(1000)));
  await server.close();
  await lost;
});

Deno.test("read() ends and write() rejects when the peer is gone, be it in the middle of a frame", async () => {
  const { server, raw } = rawPair();
  await raw.write(frame(2, "whole").subarray(0, 8));
  await raw.close();
  assert.equal(await server.read(), undefined);
  await assert.rejects(server.write(encode("anyone?")));
  assert.equal(server.closeCode, undefined);
  await server.close();
});

Deno.test("destroy() ends a pending read and the keep-alive", async () => {
  const { server } = rawPair();
  const read = server.read();
  const keepAlive = server.keepAlive({ signal: never });
  server.destroy();
  server.destroy();
  assert.equal(await read, undefined);
  await keepAlive;
  await server.close();
});

Deno.test("keepAlive() pings a silent peer, whose pongs keep the connection", async () => {
  const { server, raw } = rawPair();
  const stop = new AbortController();
  const keepAlive = server.keepAlive({ signal: stop.signal, interval: 2 });
  const read = server.read();
  for (let pongs = 0; pongs < 10; pongs++) {
    assert.deepEqual(await raw.read(), new Uint8Array([0x89, 0]));
    await raw.write(frame(10, ""));
  }
  await raw.write(frame(2, "still here"));
  assert.equal(decode((await read)?.data), "still here");
  stop.abort();
  await keepAlive;
  server.destroy();
});

Deno.test("keepAlive() drops a peer that answers nothing, only if somebody waits for it", async () => {
  const { server, raw } = rawPair();
  const keepAlive = server.keepAlive({ signal: never, interval: 2 });
  for (let pongs = 0; pongs < 10;) {
    const bytes = await raw.read();
    assert.equal(bytes?.[0], 0x8a);
    pongs += bytes.length / 2;
  }
  const read = server.read();
  assert.equal(await read, undefined);
  await keepAlive;
});

Deno.test("keepAlive() drops a peer that is gone while nobody waits for it", async () => {
  const { server, raw } = rawPair();
  const keepAlive = server.keepAlive({ signal: never, interval: 2 });
  await raw.read();
  raw.destroy();
  await keepAlive;
  await assert.rejects(server.write(new Uint8Array()));
});

Deno.test("webSocketTunnel() carries bytes both ways and closes as its WebSocket does", async () => {
  const { server, client } = connectionPair();
  const [a, b] = [webSocketTunnel(server), webSocketTunnel(client)];
  await a.write(encode("down"));
  assert.equal(decode(await b.read()), "down");
  await b.write(encode(""));
  await b.write(encode("up"));
  assert.equal(decode(await a.read()), "up");
  const closed = a.close();
  assert.equal(await b.read(), undefined);
  assert.equal(client.closeCode, 1000);
  await Promise.all([closed, b.close()]);
});

Deno.test("webSocketTunnel() closes with 1003 on a text message", async () => {
  const { server, client } = connectionPair();
  await client.write(encode("text"), "text");
  const read = webSocketTunnel(server).read();
  assert.equal(await client.read(), undefined);
  assert.equal(client.closeCode, 1003);
  await client.close();
  assert.equal(await read, undefined);
});

Deno.test("WebSocketConnection ends, whatever bytes come", async () => {
  const pieces = fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    fc.tuple(fc.nat(15), fc.string({ maxLength: 20 }), fc.boolean())
      .map(([opcode, text, final]) => frame(opcode, text, { final })),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(pieces, { maxLength: 8 }),
      fc.integer({ min: 1, max: 9 }),
      async (chunks, maxReadBytes) => {
        const [a, raw] = streamPair({ maxReadBytes });
        const server = new WebSocketConnection(a, {
          role: "server",
          maxMessageBytes: 1000,
        });
        const sending = (async () => {
          for (const chunk of chunks) await raw.write(chunk);
          await raw.close();
        })().catch(() => undefined); // the server may leave first
        for (let message; (message = await server.read()) !== undefined;) {
          assert(message.data.length <= 1000);
        }
        await Promise.all([sending, server.close()]);
      },
    ),
    { numRuns: 300 },
  );
});

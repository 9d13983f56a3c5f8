import assert from "node:assert/strict";
import type { ConnectPort, PortForwardOptions } from "./port_forward.ts";
import {
  servePortForwardWebSocket,
  wantedPorts,
} from "./port_forward_websocket.ts";
import { connectLocally, echo, testPort } from "./test_ports.ts";
import { streamPair } from "./test_stream.ts";
import { WebSocketConnection } from "./websocket.ts";

const encode = (text: string) => new TextEncoder().encode(text);
/** A character for each byte. */
const decode = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);

function serve(
  ports: readonly number[],
  connect: ConnectPort,
  { base64 = false, ...options }:
    & Partial<PortForwardOptions>
    & { readonly base64?: boolean } = {},
) {
  const [a, b] = streamPair();
  const stop = new AbortController();
  const server = new WebSocketConnection(a, { role: "server" });
  const client = new WebSocketConnection(b, { role: "client" });
  const served = servePortForwardWebSocket(server, ports, base64, connect, {
    signal: stop.signal,
    ...options,
  });
  return {
    client,
    served,
    stop,
    /** Sends on a channel of the binary form. */
    send: (channel: number, text: string) =>
      client.write(new Uint8Array([channel, ...encode(text)])),
    /** What came on `channel`, its port aside, until `size` bytes or the end. */
    async received(channel: number, size = Infinity): Promise<string> {
      let text = "";
      while (text.length < size) {
        const message = await client.read();
        if (message === undefined) break;
        if (message.data[0] === channel) {
          text += decode(message.data.subarray(1));
        }
      }
      return text;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      client.destroy();
      await served;
    },
  };
}

const port = (number: number) => [number & 0xff, number >> 8];

Deno.test("servePortForwardWebSocket() begins every channel with its port, low byte first", async () => {
  const connect: ConnectPort = () =>
    Promise.resolve({
      readable: new ReadableStream(),
      writable: new WritableStream(),
    });
  await using session = serve([80, 0x1234], connect);
  const greetings: number[][] = [];
  for (let i = 0; i < 4; i++) {
    const message = await session.client.read();
    assert(message !== undefined);
    assert.equal(message.kind, "binary");
    greetings.push([...message.data]);
  }
  greetings.sort(([a = 0], [b = 0]) => a - b);
  assert.deepEqual(greetings, [
    [0, ...port(80)],
    [1, ...port(80)],
    [2, ...port(0x1234)],
    [3, ...port(0x1234)],
  ]);
});

Deno.test("servePortForwardWebSocket() forwards several ports at a time", async () => {
  await using one = testPort(echo);
  await using two = testPort(echo);
  await using session = serve([one.port, two.port], connectLocally);
  await session.send(0, "to one");
  await session.send(2, "to two");
  await session.send(77, "to nobody");
  await session.send(1, "on an error channel");
  const want = new Map([[0, "to one"], [2, "to two"]]);
  const got = new Map<number, string>();
  while ([...want].some(([channel, text]) => got.get(channel) !== text)) {
    const message = await session.client.read();
    assert(message !== undefined);
    const [channel = 0] = message.data;
    const rest = message.data.subarray(1);
    if (rest.length > 2) {
      got.set(channel, (got.get(channel) ?? "") + decode(rest));
    }
  }
  await session.client.close();
  await session.served;
  await Promise.all([one.untilOpen(0), two.untilOpen(0)]);
});

Deno.test("servePortForwardWebSocket() speaks text in base64 where that was asked for", async () => {
  await using server = testPort(echo);
  await using session = serve([server.port], connectLocally, { base64: true });
  const read = async () => {
    const message = await session.client.read();
    assert(message !== undefined);
    assert.equal(message.kind, "text");
    const text = decode(message.data);
    return [text[0], atob(text.slice(1))];
  };
  const greeting = String.fromCharCode(...port(server.port));
  assert.deepEqual(await read(), ["0", greeting]);
  assert.deepEqual(await read(), ["1", greeting]);
  await session.client.write(encode("0?broken?"), "text");
  await session.client.write(encode(`0${btoa("\xff\x00hello")}`), "text");
  assert.deepEqual(await read(), ["0", "\xff\x00hello"]);
});

Deno.test("servePortForwardWebSocket() tells of a port that it cannot connect to, and closes after the last", async () => {
  const connect: ConnectPort = () =>
    Promise.reject(new Deno.errors.ConnectionRefused("nobody is there"));
  await using session = serve([80], connect, { pod: "4242-uid" });
  assert.equal(
    (await session.received(1)).slice(2),
    "error forwarding port 80 to pod 4242-uid, uid : nobody is there",
  );
  assert.equal(session.client.closeCode, 1000);
  await session.client.close();
  await session.served;
});

Deno.test("servePortForwardWebSocket() leaves the other ports alone when one fails", async () => {
  await using server = testPort(echo);
  const connect: ConnectPort = (port) =>
    port === 81
      ? Promise.reject(new Deno.errors.ConnectionRefused("nobody is there"))
      : connectLocally(port);
  await using session = serve([81, server.port], connect);
  await session.received(1, 10);
  await session.send(0, "dropped");
  await session.send(2, "hello");
  assert.match(await session.received(2, 5), /hello$/);
});

Deno.test("servePortForwardWebSocket() closes when the pod's side of every port has ended", async () => {
  await using server = testPort(async (conn) => {
    await conn.write(encode("bye"));
  });
  await using session = serve([server.port], connectLocally);
  assert.equal((await session.received(0)).slice(2), "bye");
  assert.equal(session.client.closeCode, 1000);
  await session.client.close();
  await session.served;
});

Deno.test("servePortForwardWebSocket() ends a session in which nothing is forwarded", async () => {
  await using server = testPort(echo);
  await using session = serve([server.port], connectLocally, {
    streamIdleTimeout: 20,
  });
  await session.received(0);
  assert.equal(session.client.closeCode, 1000);
  await session.client.close();
  await session.served;
  await server.untilOpen(0);
});

Deno.test("servePortForwardWebSocket() ends when it is aborted", async () => {
  await using server = testPort(echo);
  await using session = serve([server.port], connectLocally);
  await session.send(0, "x");
  await session.received(0, 3);
  session.stop.abort();
  await session.served;
  await server.untilOpen(0);
});

for (
  const [query, want] of [
    ["port=80", [80]],
    ["port=80,81&port=65535", [80, 81, 65535]],
    ["", 'query parameter "port" is required'],
    ["port=", 'query parameter "port" cannot be empty'],
    ["port=0", 'port "0" must be > 0'],
    ["port=65536", 'unable to parse "65536" as a port'],
    ["port=80,http", 'unable to parse "http" as a port'],
    ["port=-1", 'unable to parse "-1" as a port'],
    [`port=${"80,".repeat(127)}80`, "at most 127 ports can be forwarded"],
  ] as const
) {
  Deno.test(`wantedPorts() of "${query.slice(0, 30)}" are ${want}`, () => {
    assert.deepEqual(
      wantedPorts(new URLSearchParams(query)),
      typeof want === "string"
        ? { kind: "invalid", message: want }
        : { kind: "ports", ports: want },
    );
  });
}

import assert from "node:assert/strict";
import { type ByteStream, PushbackStream } from "./byte_stream.ts";
import {
  readHead,
  readResponseHead,
  textResponse,
  upgradeProtocol,
} from "./http_head.ts";

const encoder = new TextEncoder();

/** A stream whose reads give these chunks, then the end; it reuses its buffer as sockets do. */
function streamOf(chunks: readonly string[]): PushbackStream {
  const left = [...chunks];
  const buffer = new Uint8Array(200_000);
  return new PushbackStream({
    read() {
      const chunk = left.shift();
      if (chunk === undefined) return Promise.resolve(undefined);
      const { written } = encoder.encodeInto(chunk, buffer);
      return Promise.resolve(buffer.subarray(0, written));
    },
    write: () => Promise.resolve(),
    close: () => Promise.resolve(),
    destroy: () => undefined,
  });
}

async function readAll(stream: ByteStream): Promise<string> {
  let text = "";
  for (;;) {
    const chunk = await stream.read();
    if (chunk === undefined) return text;
    text += new TextDecoder().decode(chunk);
  }
}

const request =
  "GET /exec/a/b?x=1 HTTP/1.1\r\nHost: n\r\nUpgrade:  SPDY/3.1\r\nA: 1\r\na: 2\r\n\r\nbody";

for (const size of [1, 3, 7, request.length]) {
  Deno.test(`readHead() reads a head that comes in pieces of ${size}`, async () => {
    const pieces = request.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    const stream = streamOf(pieces);
    const result = await readHead(stream);
    assert.ok(result.kind === "head");
    assert.equal(result.head.method, "GET");
    assert.equal(result.head.target, "/exec/a/b?x=1");
    assert.equal(result.head.headers.get("a"), "1, 2");
    assert.equal(upgradeProtocol(result.head.headers), "spdy/3.1");
    assert.equal(await readAll(stream), "body");
  });
}

const bad: [name: string, text: string, want: object][] = [
  ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", { kind: "bad", status: 400 }],
  ["TLS bytes", "\x16\x03\x01\r\n\r\n", { kind: "bad", status: 400 }],
  ["a folded header", "GET / HTTP/1.1\r\nA: b\r\n c: d\r\n e\r\n\r\n", {
    kind: "bad",
    status: 400,
  }],
  ["a header without name", "GET / HTTP/1.1\r\n: b\r\n\r\n", {
    kind: "bad",
    status: 400,
  }],
  ["an endless head", `GET / HTTP/1.1\r\nA: ${"b".repeat(70_000)}`, {
    kind: "bad",
    status: 431,
  }],
  ["half a head", "GET / HTTP/1.1\r\nA: b\r\n", { kind: "ended" }],
];
for (const [name, text, want] of bad) {
  Deno.test(`readHead() refuses ${name}`, async () => {
    assert.deepEqual(await readHead(streamOf([text])), want);
  });
}

Deno.test("upgradeProtocol() ignores protocols that kubelets do not speak", () => {
  assert.equal(upgradeProtocol(new Headers({ Upgrade: "h2c" })), undefined);
  assert.equal(upgradeProtocol(new Headers()), undefined);
  assert.equal(
    upgradeProtocol(new Headers({ Upgrade: "WebSocket" })),
    "websocket",
  );
});

Deno.test("textResponse() is a whole HTTP response", () => {
  assert.equal(
    new TextDecoder().decode(textResponse(501, "Not Implemented")),
    "HTTP/1.1 501 Not Implemented\r\nContent-Type: text/plain; charset=utf-8\r\n" +
      "Content-Length: 16\r\nConnection: close\r\n\r\nNot Implemented\n",
  );
});

Deno.test("readHead() leaves out the host of a target in absolute form", async () => {
  const stream = streamOf(["GET http://localhost/pods?x=/ HTTP/1.1\r\n\r\n"]);
  const result = await readHead(stream);
  assert.ok(result.kind === "head");
  assert.equal(result.head.target, "/pods?x=/");
});

Deno.test("readResponseHead() reads status and headers, and leaves the rest", async () => {
  const stream = streamOf([
    "HTTP/1.1 101 Switching",
    " Protocols\r\nA: b\r\n\r\nrest",
  ]);
  const head = await readResponseHead(stream);
  assert.deepEqual([head?.status, head?.headers.get("a")], [101, "b"]);
  assert.equal(await readAll(stream), "rest");
  assert.equal(await readResponseHead(streamOf([])), undefined);
  await assert.rejects(
    readResponseHead(streamOf(["SSH-2.0\r\n\r\n"])),
    /not HTTP/,
  );
});

Deno.test("readResponseHead() takes values byte for byte, but for the blanks around them", async () => {
  // Encoded as the bytes C3 89 and C3 A0; A0 is white space of Unicode.
  const stream = streamOf([
    "HTTP/1.1 200 OK\r\nA: \t\u00c9 \r\nB: \u00e0\r\n\r\n",
  ]);
  const head = await readResponseHead(stream);
  assert.deepEqual([...head?.headers ?? []], [
    ["a", "\u00c3\u0089"],
    ["b", "\u00c3\u00a0"],
  ]);
});

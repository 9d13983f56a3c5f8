import assert from "node:assert/strict";
import { connStream } from "../async/byte_stream.ts";
import type { Peer } from "./context.ts";
import {
  type FrontLimits,
  HttpFront,
  type HttpFrontOptions,
} from "./http_front.ts";

const peer: Peer = {
  kind: "certificate",
  user: { username: "alice", groups: ["staff"] },
};

type FrontTestOptions =
  & Partial<Pick<HttpFrontOptions, "accept" | "onUpgrade">>
  & { readonly limits?: Partial<FrontLimits> };

/** A front without TLS whose handler names the peer it sees. */
function startFront({ limits, ...options }: FrontTestOptions = {}) {
  const stop = new AbortController();
  const left: AbortSignal[] = [];
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const front = new HttpFront({
    listener,
    handler(request, origin) {
      assert.equal(origin.peer, peer);
      left.push(origin.left);
      const { pathname } = new URL(request.url);
      // A response that never ends, but when the client leaves.
      if (pathname === "/endless") return new Response(new ReadableStream());
      return new Response("alice");
    },
    accept: (conn) => Promise.resolve({ peer, stream: connStream(conn) }),
    ...(limits && { limits }),
    ...options,
  });
  const running = front.run(stop);
  return {
    front,
    left,
    port: listener.addr.port,
    stop: () => {
      stop.abort();
      return running;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

async function send(port: number, text: string): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode(text));
  return conn;
}

async function readAll(conn: Deno.Conn): Promise<string> {
  let text = "";
  const buffer = new Uint8Array(10_000);
  for (;;) {
    const count = await conn.read(buffer).catch(() => null);
    if (count === null) return text;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
}

/** Waits for a condition, at most 5 s. */
async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `not ${what} within 5 s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function get(path: string, ...headers: string[]): string {
  return [`GET ${path} HTTP/1.1`, "Host: n1", ...headers, "", ""].join("\r\n");
}

Deno.test("HttpFront answers one request after the other", async () => {
  await using test = startFront();
  const requests = get("/") + get("/", "Connection: close");
  using conn = await send(test.port, requests);
  const bodies = (await readAll(conn)).match(/alice/g);
  assert.equal(bodies?.length, 2);
  await until("empty", () => test.front.connections === 0);
});

Deno.test("HttpFront says when a client has left", async () => {
  await using test = startFront();
  const conn = await send(test.port, get("/endless"));
  await until("asked", () => test.left.length === 1);
  conn.close();
  await until("left", () => test.left[0]?.aborted === true);
  await until("empty", () => test.front.connections === 0);
});

Deno.test("HttpFront gives a switch of protocols to who takes it, with all bytes that follow", async () => {
  await using test = startFront({
    async onUpgrade({ peer: seen, head, protocol, stream }) {
      assert.equal(seen, peer);
      assert.equal(protocol, "spdy/3.1");
      const chunk = await stream.read();
      await stream.write(new TextEncoder().encode(`101 ${head.target} `));
      await stream.write(chunk ?? new Uint8Array());
      await stream.close();
    },
  });
  const request = get("/exec/a/b/c?x=1", "Upgrade: SPDY/3.1");
  using conn = await send(test.port, `${request}frames`);
  assert.equal(await readAll(conn), "101 /exec/a/b/c?x=1 frames");
});

Deno.test("HttpFront takes a switch of protocols on a connection used before", async () => {
  await using test = startFront({
    async onUpgrade({ stream }) {
      await stream.write(new TextEncoder().encode("switched"));
      await stream.close();
    },
  });
  const upgrade = get("/exec/a/b/c", "Upgrade: SPDY/3.1");
  using conn = await send(test.port, get("/") + upgrade);
  assert.match(await readAll(conn), /alice[^]*switched$/);
});

Deno.test("HttpFront goes on when a switch of protocols fails", async () => {
  await using test = startFront({
    onUpgrade: () => Promise.reject(new Error("no")),
  });
  using conn = await send(test.port, get("/", "Upgrade: websocket"));
  assert.equal(await readAll(conn), "");
  using next = await send(test.port, get("/", "Connection: close"));
  assert.match(await readAll(next), /alice/);
});

Deno.test("HttpFront answers 400 to what is not HTTP", async () => {
  await using test = startFront();
  using conn = await send(test.port, "\x00\x01 nonsense\r\n\r\n");
  assert.match(await readAll(conn), /^HTTP\/1.1 400 /);
});

Deno.test("HttpFront drops who has not finished a handshake in time", async () => {
  await using test = startFront({
    limits: { handshakeMs: 50 },
    accept: (conn, { signal }) =>
      new Promise((_, reject) =>
        signal.addEventListener("abort", () => {
          conn.close();
          reject(signal.reason);
        })
      ),
  });
  using conn = await send(test.port, "");
  assert.equal(await readAll(conn), "");
});

Deno.test("HttpFront drops who sends a request too slowly", async () => {
  await using test = startFront({ limits: { headMs: 50 } });
  using conn = await send(test.port, "GET / HTTP/1.1\r\nHo");
  assert.equal(await readAll(conn), "");
});

Deno.test("HttpFront drops who sends no second request in time", async () => {
  await using test = startFront({ limits: { idleMs: 100 } });
  using conn = await send(test.port, get("/") + "GET / HTTP/1.1\r\nHo");
  assert.match(await readAll(conn), /alice\r\n0\r\n\r\n$/);
});

Deno.test("HttpFront does not call a client idle that still gets a response", async () => {
  await using test = startFront({ limits: { idleMs: 50 } });
  using idle = await send(test.port, get("/"));
  using _busy = await send(test.port, get("/endless"));
  await until("asked", () => test.left.length === 2);
  await readAll(idle); // the idle time has passed
  using again = await send(test.port, get("/"));
  await readAll(again);
  assert.equal(test.front.connections, 1);
});

Deno.test("HttpFront lets connections wait beyond its limit", async () => {
  await using test = startFront({ limits: { connections: 2 } });
  const first = await send(test.port, get("/endless"));
  using _second = await send(test.port, get("/endless"));
  await until("full", () => test.left.length === 2);
  using third = await send(test.port, get("/", "Connection: close"));
  const answer = readAll(third);
  assert.equal(test.front.connections, 2);
  first.close();
  assert.match(await answer, /alice/);
});

Deno.test("HttpFront lets connections wait while too many have sent nothing", async () => {
  await using test = startFront({ limits: { newcomers: 1 } });
  const silent = await send(test.port, "");
  await until("full", () => test.front.connections === 1);
  using next = await send(test.port, get("/", "Connection: close"));
  const answer = readAll(next);
  silent.close();
  assert.match(await answer, /alice/);
});

Deno.test("HttpFront drops everybody when it stops", async () => {
  await using test = startFront();
  using silent = await send(test.port, "");
  using busy = await send(test.port, get("/endless"));
  await until("asked", () => test.left.length === 1);
  await test.stop();
  assert.equal(await readAll(silent), "");
  await readAll(busy);
  assert.equal(test.front.connections, 0);
  await assert.rejects(send(test.port, ""), Deno.errors.ConnectionRefused);
});

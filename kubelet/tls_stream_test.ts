import assert from "node:assert/strict";
import { once } from "node:events";
import tls from "node:tls";
import type { ByteStream } from "../async/byte_stream.ts";
import { type LeafOptions, TestPki } from "./test_pki.ts";
import { canVerifyClients } from "./tls_listener.ts";
import { acceptTls, type KeyPair, type TlsIdentity } from "./tls_stream.ts";

const ignore = !canVerifyClients(Deno.version.deno);

/** A TLS connection to ourselves, seen from both ends. */
async function connect(identity: TlsIdentity, client?: KeyPair) {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = tls.connect({
    host: "127.0.0.1",
    port: listener.addr.port,
    rejectUnauthorized: false,
    ...(client && { cert: client.certificate, key: client.privateKey }),
  });
  const gone = once(socket, "close");
  const conn = await listener.accept();
  const { signal } = new AbortController();
  const { peer, stream } = await acceptTls(conn, identity, { signal });
  return {
    peer,
    stream,
    socket,
    async [Symbol.asyncDispose]() {
      stream.destroy();
      socket.destroy();
      await gone;
    },
  };
}

async function newIdentity(pki: TestPki): Promise<TlsIdentity> {
  const serving = await pki.issue({ subject: "/CN=n1", usage: "serverAuth" });
  return { serving, clientCa: pki.ca };
}

const verified = {
  kind: "verified",
  commonName: "alice",
  organizations: ["staff"],
};
const unverified = { kind: "unverified" };
const cases: [
  name: string,
  leaf: LeafOptions & { foreign?: boolean },
  want: object,
][] = [
  ["believes a certificate of the client CA", {}, verified],
  ["reads every organization and the last name", {
    subject: "/O=a/CN=first/O=b/CN=alice",
  }, { ...verified, organizations: ["a", "b"] }],
  ["is not fooled by a line break in a name", {
    subject: "/O=a\nO=system:masters/CN=bob\nCN=alice",
  }, {
    ...verified,
    commonName: "bob\nCN=alice",
    organizations: ["a\nO=system:masters"],
  }],
  ["refuses one of another CA of the same name", { foreign: true }, unverified],
  ["refuses an expired one", { days: -1 }, unverified],
  ["refuses one for servers only", { usage: "serverAuth" }, unverified],
];
for (const [name, { foreign, ...leaf }, want] of cases) {
  Deno.test({
    name: `acceptTls() ${name}`,
    ignore,
    fn: async () => {
      await using pki = await TestPki.create();
      await using other = await TestPki.create();
      const client = await (foreign ? other : pki).issue(leaf);
      await using met = await connect(await newIdentity(pki), client);
      const { reason: _, ...peer } = { reason: "", ...met.peer };
      assert.deepEqual(peer, want);
    },
  });
}

Deno.test({
  name: "acceptTls() knows who shows no certificate",
  ignore,
  fn: async () => {
    await using pki = await TestPki.create();
    await using met = await connect(await newIdentity(pki));
    assert.deepEqual(met.peer, { kind: "none" });
  },
});

Deno.test({
  name: "acceptTls() verifies nobody without a client CA",
  ignore,
  fn: async () => {
    await using pki = await TestPki.create();
    const identity = { ...await newIdentity(pki), clientCa: undefined };
    await using met = await connect(identity, await pki.issue());
    assert.deepEqual(met.peer, { kind: "none" });
  },
});

Deno.test({
  name: "acceptTls() closes a connection that does not speak TLS",
  ignore,
  fn: async () => {
    await using pki = await TestPki.create();
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    using client = await Deno.connect({ port: listener.addr.port });
    await client.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
    const { signal } = new AbortController();
    await assert.rejects(
      acceptTls(await listener.accept(), await newIdentity(pki), { signal }),
    );
    await untilEnd(client);
  },
});

Deno.test({
  name: "acceptTls() rejects soon when a client leaves in the handshake",
  ignore,
  fn: async () => {
    await using pki = await TestPki.create();
    const identity = await newIdentity(pki);
    for (const bytes of [[], [22, 3, 1, 2, 0, 1]]) {
      using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const { port } = listener.addr;
      const client = await Deno.connect({ hostname: "127.0.0.1", port });
      await client.write(new Uint8Array(bytes));
      client.close();
      const conn = await listener.accept();
      const signal = AbortSignal.timeout(20_000);
      await assert.rejects(acceptTls(conn, identity, { signal }), /left/);
    }
  },
});

Deno.test({
  name: "acceptTls() closes a silent connection when aborted",
  ignore,
  fn: async () => {
    await using pki = await TestPki.create();
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    using client = await Deno.connect({ port: listener.addr.port });
    const deadline = new AbortController();
    const accepting = acceptTls(
      await listener.accept(),
      await newIdentity(pki),
      deadline,
    );
    deadline.abort(new Error("too slow"));
    await assert.rejects(accepting, /too slow/);
    await untilEnd(client);
  },
});

async function untilEnd(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(1000);
  while (await conn.read(buffer).catch(() => null) !== null) {
    // whatever the server says before it closes
  }
}

/** 20 MB that compress badly and differ everywhere. */
function pattern(): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(5_000_000);
  for (let i = 0, x = 1; i < words.length; i++) {
    x = Math.imul(x, 1664525) + 1013904223;
    words[i] = x;
  }
  return new Uint8Array(words.buffer);
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return [...new Uint8Array(digest)].join();
}

async function readAll(stream: ByteStream): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for (;;) {
    const chunk = await stream.read();
    if (chunk === undefined) return await new Blob(chunks).bytes();
    chunks.push(chunk.slice());
  }
}

Deno.test({
  name: "a TLS stream carries bytes unchanged in both directions",
  ignore,
  fn: async () => {
    await using pki = await TestPki.create();
    await using met = await connect(await newIdentity(pki));
    const sent = pattern();
    const received: Uint8Array<ArrayBuffer>[] = [];
    met.socket.on("data", (chunk) => received.push(new Uint8Array(chunk)));
    const ended = once(met.socket, "end");
    met.socket.end(sent);
    assert.equal(await sha256(await readAll(met.stream)), await sha256(sent));
    // One buffer for all writes: it is free again when write() resolves.
    const buffer = new Uint8Array(60_000);
    for (let i = 0; i < sent.length; i += buffer.length) {
      const part = sent.subarray(i, i + buffer.length);
      buffer.set(part);
      await met.stream.write(buffer.subarray(0, part.length));
      buffer.fill(0);
    }
    await met.stream.close();
    await ended;
    const all = await new Blob(received).bytes();
    assert.equal(await sha256(all), await sha256(sent));
  },
});

Deno.test({
  name: "a TLS stream that is not read makes the sender wait",
  ignore,
  fn: async () => {
    await using pki = await TestPki.create();
    await using met = await connect(await newIdentity(pki));
    met.socket.on("error", () => undefined); // it is cut off in the end
    const chunk = new Uint8Array(1 << 20);
    let sentBytes = 0;
    const maxBytes = 64 * chunk.length;
    while (sentBytes < maxBytes) {
      const sent = new Promise((resolve) => met.socket.write(chunk, resolve));
      const inTime = await settlesWithin(500, sent);
      if (!inTime) break;
      sentBytes += chunk.length;
    }
    assert.ok(sentBytes < maxBytes, `${sentBytes} bytes were taken`);
    assert.ok(await met.stream.read());
  },
});

Deno.test({
  name: "a TLS stream rejects a pending write when it is destroyed",
  ignore,
  fn: async () => {
    await using pki = await TestPki.create();
    await using met = await connect(await newIdentity(pki));
    met.socket.pause();
    const writing = (async () => {
      for (;;) await met.stream.write(new Uint8Array(1 << 20));
    })();
    assert.equal(await settlesWithin(500, writing), false);
    met.stream.destroy();
    await assert.rejects(writing);
    assert.equal(await met.stream.read(), undefined);
  },
});

/** Whether a promise settles in time. */
async function settlesWithin(
  ms: number,
  promise: Promise<unknown>,
): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), ms);
  const settled = promise.then(() => true, () => true);
  try {
    return await Promise.race([settled, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import FakeTimers from "@sinonjs/fake-timers";
import { delay } from "../../async/delay.ts";
import { TaskGroup } from "../../async/task_group.ts";
import { SpdySession, type SpdyStream } from "./spdy_session.ts";
import { streamPair, type StreamPairOptions } from "./test_stream.ts";
import { within } from "./test_within.ts";

const noHeaders = new Map<string, string>();

Deno.test("SpdySession opens streams from both sides, with headers and ids of their own", async () => {
  await using sessions = startSessions();
  const { client, server } = sessions;
  const headers = new Map([["streamtype", "stdin"], ["port", "80"]]);
  const [opened, accepted] = await openStream(client, server, headers);
  assert.deepEqual(accepted.headers, headers);
  assert.deepEqual([opened.id, accepted.id], [1, 1]);
  const [second] = await openStream(client, server);
  const [back] = await openStream(server, client, headers);
  assert.deepEqual([second.id, back.id], [3, 2]);
});

Deno.test("SpdyStream ends each direction on its own, after what was written", async () => {
  await using sessions = startSessions();
  const [ours, theirs] = await openStream(sessions.client, sessions.server);
  await ours.write(text("question"));
  await ours.end();
  await ours.end();
  assert.equal(await readText(theirs), "question");
  await assert.rejects(ours.write(text("more")), /our side has ended/);
  await theirs.write(text("answer"));
  const last = theirs.write(text(", at length"));
  await theirs.end();
  await last;
  assert.equal(await readText(ours), "answer, at length");
  assert.equal(await ours.read(), undefined);
});

Deno.test("SpdySession carries 20 MB both ways at once unharmed, whatever the chunks", async () => {
  for (const maxReadBytes of [64 * 1024, 1021]) {
    await using sessions = startSessions({ maxReadBytes });
    const [ours, theirs] = await openStream(sessions.client, sessions.server);
    const bytes = pattern(20_000_000);
    const [there, back] = await within(
      Promise.all([
        readHash(theirs),
        readHash(ours),
        writeAll(ours, bytes, 1_000_000),
        writeAll(theirs, bytes, 77_777),
      ]),
      60_000,
    );
    const want = createHash("sha256").update(bytes).digest("hex");
    assert.deepEqual([there, back], [want, want]);
  }
});

Deno.test("SpdySession carries many streams at once", async () => {
  await using sessions = startSessions();
  const { client, server } = sessions;
  sessions.group.spawn(async () => {
    for (let s = await server.accept(); s; s = await server.accept()) {
      const stream = s;
      sessions.group.spawn(() => echo(stream));
    }
  });
  const bytes = pattern(100_000);
  const want = createHash("sha256").update(bytes).digest("hex");
  const hashes = await within(
    Promise.all(Array.from({ length: 200 }, async () => {
      const stream = await client.open(noHeaders);
      const [hash] = await Promise.all([
        readHash(stream),
        writeAll(stream, bytes, 30_000),
      ]);
      return hash;
    })),
    30_000,
  );
  assert.deepEqual(new Set(hashes), new Set([want]));
});

Deno.test("SpdyStream holds its writer up while nobody reads, and goes on when somebody does", async () => {
  await using sessions = startSessions();
  const [ours, theirs] = await openStream(sessions.client, sessions.server);
  const chunk = pattern(10_000);
  let written = 0;
  const writing = (async () => {
    while (written < 5_000_000) {
      await ours.write(chunk);
      written += chunk.length;
    }
    await ours.end();
  })();
  const stalledAt = await settled(() => written);
  // Its queue, what one read brings, the connection, and what the writer has in hand.
  assert.ok(stalledAt >= 256 * 1024, `stalled at ${stalledAt}`);
  assert.ok(stalledAt <= (256 + 3 * 64) * 1024, `stalled at ${stalledAt}`);
  assert.equal((await readAll(theirs)).length, 5_000_000);
  await writing;
});

Deno.test("SpdyStream counts small pieces for what they cost", async () => {
  await using sessions = startSessions();
  const [ours, theirs] = await openStream(sessions.client, sessions.server);
  let written = 0;
  const writing = (async () => {
    while (written < 20_000) {
      await ours.write(Uint8Array.of(written++));
    }
    await ours.end();
  })();
  const stalledAt = await settled(() => written);
  assert.ok(stalledAt < 15_000, `stalled at ${stalledAt}`);
  assert.equal((await readAll(theirs)).length, 20_000);
  await writing;
});

Deno.test("SpdySession holds at most 16 MiB for all its readers together", async () => {
  await using sessions = startSessions();
  const pairs: (readonly [SpdyStream, SpdyStream])[] = [];
  while (pairs.length < 80) {
    pairs.push(await openStream(sessions.client, sessions.server));
  }
  const bytes = pattern(250_000);
  let written = 0;
  const writing = (async () => {
    for (const [ours] of pairs) {
      await ours.write(bytes);
      await ours.end();
      written += bytes.length;
    }
  })();
  const stalledAt = await settled(() => written);
  assert.ok(stalledAt >= 15_000_000, `stalled at ${stalledAt}`);
  assert.ok(stalledAt <= 17_000_000, `stalled at ${stalledAt}`);
  const read = await Promise.all(pairs.map(([, theirs]) => readAll(theirs)));
  assert.ok(read.every(({ length }) => length === bytes.length));
  await writing;
});

Deno.test("SpdyStream.reset() ends both sides and frees the connection for the others", async () => {
  await using sessions = startSessions();
  const { client, server } = sessions;
  const [full, unread] = await openStream(client, server);
  const [live, other] = await openStream(client, server);
  const stalled = full.write(pattern(2_000_000));
  const rejected = assert.rejects(stalled, /the peer reset it/);
  await settled(() => server.lastActivityAt);
  const echoed = live.write(text("hello"));
  await unread.reset();
  await unread.reset();
  assert.equal(await within(unread.read()), undefined);
  await assert.rejects(unread.write(text("x")), /it was reset/);
  assert.deepEqual(await within(other.read()), text("hello"));
  await within(Promise.all([rejected, echoed]));
  assert.equal(await full.read(), undefined);
  await assert.rejects(full.write(text("x")), /the peer reset it/);
  await full.end();
  await full.reset();
});

Deno.test("SpdySession.close() sends what was written, then both sides are over", async () => {
  await using sessions = startSessions();
  const { client, server } = sessions;
  const [ours, theirs] = await openStream(client, server);
  const writing = ours.write(pattern(200_000));
  const waiting = server.accept();
  await within(Promise.all([client.close(), client.close()]));
  await writing;
  await within(sessions.group.join());
  assert.equal((await readAll(theirs)).length, 200_000);
  assert.equal(await within(waiting), undefined);
  assert.equal(await ours.read(), undefined);
  await assert.rejects(theirs.write(text("x")), /connection is gone/);
  await assert.rejects(ours.write(text("x")), /connection is gone/);
  await assert.rejects(client.open(noHeaders), /the session ends/);
  await Promise.all([ours.end(), theirs.end(), theirs.reset()]);
});

Deno.test("SpdySession.close() waits 5 s for a peer that does not read, not longer", async () => {
  const clock = FakeTimers.install();
  try {
    const [near] = streamPair();
    const session = new SpdySession(near, { role: "server" });
    const running = session.run(new AbortController());
    const opening = assert.rejects(session.open(noHeaders), /is gone/);
    let closed = false;
    const full = near.write(new Uint8Array(64 * 1024));
    const closing = session.close().then(() => closed = true);
    await clock.tickAsync(4900);
    assert.equal(closed, false);
    await clock.tickAsync(200);
    await Promise.all([closing, running, opening, full]);
  } finally {
    clock.uninstall();
  }
});

Deno.test("SpdySession.run() resolves when it is aborted, and lets nobody wait", async () => {
  const [near] = streamPair();
  const session = new SpdySession(near, { role: "client" });
  const stop = new AbortController();
  const running = session.run(stop);
  const opening = assert.rejects(session.open(noHeaders), /is gone/);
  const accepting = session.accept();
  stop.abort();
  await within(Promise.all([running, opening]));
  assert.equal(await within(accepting), undefined);
  await within(session.close());
  await within(session.run(stop));
});

Deno.test("SpdySession.run() can be aborted while it waits for a reader", async () => {
  await using sessions = startSessions();
  const [ours] = await openStream(sessions.client, sessions.server);
  const writing = assert.rejects(ours.write(pattern(2_000_000)), /is gone/);
  await settled(() => sessions.server.lastActivityAt);
  sessions.stop();
  await within(writing);
});

Deno.test("SpdySession.lastActivityAt tells when bytes went", async () => {
  await using sessions = startSessions();
  const { client, server } = sessions;
  const [ours, theirs] = await openStream(client, server);
  const before = Math.max(client.lastActivityAt, server.lastActivityAt);
  await delay(5, sessions);
  await ours.write(text("x"));
  await theirs.read();
  assert.ok(client.lastActivityAt > before);
  assert.ok(server.lastActivityAt > before);
});

interface Sessions extends AsyncDisposable {
  readonly client: SpdySession;
  readonly server: SpdySession;
  readonly group: TaskGroup;
  readonly signal: AbortSignal;
  stop(): void;
}

/** Two sessions that speak with each other until the scope is left. */
function startSessions(options?: StreamPairOptions): Sessions {
  const [near, far] = streamPair(options);
  const client = new SpdySession(near, { role: "client" });
  const server = new SpdySession(far, { role: "server" });
  const stopping = new AbortController();
  const group = new TaskGroup(stopping.signal);
  group.spawn((signal) => client.run({ signal }));
  group.spawn((signal) => server.run({ signal }));
  return {
    client,
    server,
    group,
    signal: group.signal,
    stop: () => stopping.abort(),
    [Symbol.asyncDispose]: () => group[Symbol.asyncDispose](),
  };
}

async function openStream(
  from: SpdySession,
  to: SpdySession,
  headers: ReadonlyMap<string, string> = noHeaders,
): Promise<readonly [SpdyStream, SpdyStream]> {
  const [opened, accepted] = await within(
    Promise.all([from.open(headers), to.accept()]),
  );
  assert.ok(accepted);
  return [opened, accepted];
}

async function echo(stream: SpdyStream): Promise<void> {
  for (let bytes = await stream.read(); bytes; bytes = await stream.read()) {
    await stream.write(bytes);
  }
  await stream.end();
}

async function writeAll(
  stream: SpdyStream,
  bytes: Uint8Array,
  chunkBytes: number,
): Promise<void> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    await stream.write(bytes.subarray(at, at + chunkBytes));
  }
  await stream.end();
}

/** Keeps what it reads, so that bytes which are overwritten later are found out. */
async function readAll(stream: SpdyStream): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (
    let part = await within(stream.read());
    part;
    part = await within(stream.read())
  ) parts.push(part);
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

async function readHash(stream: SpdyStream): Promise<string> {
  const hash = createHash("sha256");
  let kept: Uint8Array | undefined;
  for (let part = await stream.read(); part; part = await stream.read()) {
    if (kept) hash.update(kept);
    kept = part;
  }
  return hash.update(kept ?? new Uint8Array(0)).digest("hex");
}

async function readText(stream: SpdyStream): Promise<string> {
  return new TextDecoder().decode(await readAll(stream));
}

/** What `value` gives when it no longer changes although everything has had its turn. */
async function settled(value: () => number): Promise<number> {
  for (let same = 0, last = value(); same < 20;) {
    await delay(0, new AbortController());
    same = value() === last ? same + 1 : 0;
    last = value();
    if (same === 20) return last;
  }
  return value();
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function pattern(size: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(size / 4));
  for (let at = 0; at < words.length; at++) {
    words[at] = Math.imul(at + 1, 2_654_435_761);
  }
  return new Uint8Array(words.buffer, 0, size);
}

Deno.test("SpdySession.ping() finds out that the peer is gone while nobody reads a stream", async () => {
  const [a, b] = streamPair();
  const server = new SpdySession(a, { role: "server" });
  const client = new SpdySession(b, { role: "client" });
  const stop = new AbortController();
  const running = [server.run(stop), client.run(stop)];
  const [ours] = await openStream(client, server);
  const written = ours.write(new Uint8Array(1_000_000));
  for (let i = 0; i < 5000; i++) await Promise.resolve();
  b.destroy();
  await assert.rejects(within(written));
  let over = false;
  const accepted = server.accept().then(() => over = true);
  for (let i = 0; i < 5000; i++) await Promise.resolve();
  assert.ok(!over, "it was noticed without a ping");
  server.ping();
  await within(accepted);
  stop.abort();
  await Promise.allSettled(running);
});

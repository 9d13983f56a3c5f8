import assert from "node:assert/strict";
import fc from "fast-check";
import type { ByteStream } from "../../async/byte_stream.ts";
import { HeaderEncoder } from "./spdy_headers.ts";
import { synReplyFrame, synStreamFrame } from "./spdy_frame.ts";
import { SpdySession } from "./spdy_session.ts";
import { streamPair } from "./test_stream.ts";
import { within } from "./test_within.ts";

Deno.test("SpdySession.run() settles and ends every stream, whatever bytes come in", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("server" as const, "client" as const),
      fc.uint8Array({ maxLength: 2000 }),
      fc.integer({ min: 1, max: 300 }),
      feed,
    ),
    { numRuns: 300 },
  );
});

Deno.test("SpdySession.run() settles and ends every stream when a good session is cut or changed", async () => {
  const sessions = {
    server: await recordSession("client"),
    client: await recordSession("server"),
  };
  const change = fc.record({
    at: fc.nat(),
    flip: fc.integer({ min: 1, max: 255 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("server" as const, "client" as const),
      fc.array(change, { maxLength: 3 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: 5000 }),
      async (role, changes, kept, chunkBytes) => {
        const bytes = Uint8Array.from(sessions[role]);
        // Heads and header blocks are at the start, where changes do the most harm.
        for (const { at, flip } of changes) {
          const place = at % 2 === 0 ? at % bytes.length : at % 200;
          bytes[place] = (bytes[place] ?? 0) ^ flip;
        }
        const length = kept > 0.5 ? bytes.length : bytes.length * kept * 2;
        await feed(role, bytes.subarray(0, length), chunkBytes);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("SpdySession.run() settles when frames of all kinds come in any order", async () => {
  const frame = fc.record({
    type: fc.integer({ min: 0, max: 10 }),
    id: fc.integer({ min: 1, max: 9 }),
    flags: fc.integer({ min: 0, max: 3 }),
    size: fc.constantFrom(0, 1, 4, 8, 300_000),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("server" as const, "client" as const),
      fc.array(frame, { maxLength: 30 }),
      async (role, frames) => {
        const encoder = new HeaderEncoder();
        const bytes = frames.flatMap(({ type, id, flags, size }) => {
          if (type === 0) return [data(id, flags, size)];
          const block = encoder.encode(new Map([["n", String(size)]]));
          const made = type === 1 ? synStreamFrame : synReplyFrame;
          const whole = made(id, block);
          whole[3] = type;
          whole[4] = flags;
          return [whole];
        });
        const all = new Uint8Array(
          await new Blob(bytes as BlobPart[]).arrayBuffer(),
        );
        await feed(role, all, 100_000);
      },
    ),
    { numRuns: 150 },
  );
});

/** Has a session read `bytes` and the end of the connection; fails if anything still waits then. */
async function feed(
  role: "server" | "client",
  bytes: Uint8Array,
  chunkBytes: number,
): Promise<void> {
  const session = new SpdySession(script(bytes, chunkBytes), { role });
  const running = session.run(new AbortController()).then(
    () => "over",
    (error: unknown) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, /^Cannot (read SPDY|read headers|inflate)/);
      return "broken";
    },
  );
  const opening = session.open(new Map()).then(
    (stream) => use(stream),
    (error: unknown) => assert.ok(error instanceof Error),
  );
  const accepting = useAll(session);
  await within(Promise.all([running, opening, accepting]));
  assert.equal(await session.accept(), undefined);
}

async function useAll(session: SpdySession): Promise<void> {
  const uses: Promise<void>[] = [];
  for (let s = await session.accept(); s; s = await session.accept()) {
    uses.push(use(s));
  }
  await Promise.all(uses);
}

/** Reads some streams to their end, writes to some, and resets the others. */
async function use(
  stream: Awaited<ReturnType<SpdySession["open"]>>,
): Promise<void> {
  // Who writes to a peer that is gone is told so.
  await stream.write(Uint8Array.of(1, 2, 3)).catch(() => undefined);
  if (stream.id % 5 === 0) return await stream.reset();
  while (await stream.read() !== undefined);
  await stream.end();
}

/** A connection whose peer sends `bytes` and its end, and takes whatever it is sent. */
function script(bytes: Uint8Array, chunkBytes: number): ByteStream {
  const given = new Uint8Array(chunkBytes);
  let at = 0;
  let gone = false;
  return {
    read() {
      const chunk = gone
        ? given.subarray(0, 0)
        : bytes.subarray(at, at + chunkBytes);
      at += chunk.length;
      given.set(chunk);
      const result = chunk.length > 0
        ? given.subarray(0, chunk.length)
        : undefined;
      return Promise.resolve(result);
    },
    write() {
      return gone ? Promise.reject(new Error("It is gone")) : Promise.resolve();
    },
    close() {
      gone = true;
      return Promise.resolve();
    },
    destroy() {
      gone = true;
    },
  };
}

/** What a session of `role` sends that opens and answers streams, and moves some data. */
async function recordSession(role: "server" | "client"): Promise<Uint8Array> {
  const [near, far] = streamPair();
  const parts: Uint8Array[] = [];
  const tapped: ByteStream = {
    ...near,
    write(bytes) {
      parts.push(bytes.slice());
      return near.write(bytes);
    },
  };
  const session = new SpdySession(tapped, { role });
  const other = new SpdySession(far, {
    role: role === "server" ? "client" : "server",
  });
  const stop = new AbortController();
  const running = [session.run(stop), other.run(stop)];
  const uses = [useAll(session), useAll(other)];
  for (const opener of [session, other, session, other]) {
    const stream = await opener.open(new Map([["streamtype", "stdin"]]));
    await stream.write(new Uint8Array(2000).fill(7));
    await stream.end();
  }
  await session.close();
  await Promise.all([...running, ...uses]);
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

function data(id: number, flags: number, size: number): Uint8Array {
  const frame = new Uint8Array(8 + size);
  const view = new DataView(frame.buffer);
  view.setUint32(0, id);
  view.setUint32(4, size);
  view.setUint8(4, flags);
  return frame;
}

import assert from "node:assert/strict";
import type { ByteStream } from "../../async/byte_stream.ts";
import { SpdyFrameParser } from "./spdy_frame_parser.ts";
import { HeaderDecoder, HeaderEncoder } from "./spdy_headers.ts";
import { SpdySession } from "./spdy_session.ts";
import { streamPair } from "./test_stream.ts";
import { within } from "./test_within.ts";

const fin = 1;
const unidirectional = 2;
const type = { synStream: 1, synReply: 2, reset: 3, settings: 4, ping: 6 };
const more = { goAway: 7, headers: 8, windowUpdate: 9 };

Deno.test("SpdySession replies to the pings of its peer, by their parity", async () => {
  for (const [role, theirs] of [["server", 7], ["client", 8]] as const) {
    await using peer = startPeer(role);
    await peer.send(control(type.ping, [theirs + 1]));
    await peer.send(control(type.ping, [theirs]));
    assert.equal(await peer.next(), `ping ${theirs}`);
  }
});

Deno.test("SpdySession answers a ping before what is left of a large write", async () => {
  await using peer = startPeer("server");
  await peer.synStream(1);
  const stream = await within(peer.session.accept());
  assert.ok(stream);
  const writing = assert.rejects(
    stream.write(new Uint8Array(3_000_000)),
    /it was reset/,
  );
  assert.equal(await peer.next(), "syn reply 1");
  assert.match(await peer.next(), /^data 1 \d+$/);
  await peer.send(control(type.ping, [1]));
  const frames: string[] = [];
  while (frames.at(-1) !== "ping 1") frames.push(await peer.next());
  // What the connection holds, what is being written, and what was cut in pieces by reading.
  assert.ok(frames.length < 12, frames.join());
  const resetting = stream.reset();
  while (await peer.next() !== "reset 1");
  await Promise.all([resetting, writing]);
});

Deno.test("SpdySession gives streams that write at once their turns", async () => {
  await using peer = startPeer("server");
  await peer.synStream(1);
  await peer.synStream(3);
  const streams = [await peer.session.accept(), await peer.session.accept()];
  const writing = streams.map((stream) =>
    stream?.write(new Uint8Array(500_000))
  );
  const sent = new Map<string, number>();
  const ahead: number[] = [];
  while ((sent.get("1") ?? 0) + (sent.get("3") ?? 0) < 1_000_000) {
    const [kind = "", id = "", size] = (await peer.next()).split(" ");
    if (kind !== "data") continue;
    sent.set(id, (sent.get(id) ?? 0) + Number(size));
    ahead.push(Math.abs((sent.get("1") ?? 0) - (sent.get("3") ?? 0)));
  }
  assert.ok(Math.max(...ahead) <= 64 * 1024, String(Math.max(...ahead)));
  await Promise.all(writing);
});

Deno.test("SpdySession keeps header blocks in step, of whatever frames and streams they are", async () => {
  await using peer = startPeer("server");
  const hello = new Map([["x", "1"]]);
  const reply = peer.encoder.encode(hello);
  await peer.send(control(type.synReply, [99], reply));
  await peer.synStream(1);
  const headers = peer.encoder.encode(hello);
  await peer.send(control(more.headers, [1], headers, fin));
  const unknown = peer.encoder.encode(hello);
  await peer.send(control(more.headers, [77], unknown));
  await peer.synStream(3, { headers: new Map([["streamtype", "data"]]) });
  const first = await within(peer.session.accept());
  assert.equal(await within(first?.read() ?? never()), undefined);
  const second = await within(peer.session.accept());
  assert.equal(second?.headers.get("streamtype"), "data");
});

Deno.test("SpdySession ignores settings, windows, frames that nobody knows, and data for no stream", async () => {
  await using peer = startPeer("server");
  await peer.send(control(type.settings, [1, 4, 100]));
  await peer.send(control(more.windowUpdate, [1, 1000]));
  await peer.send(control(5, []));
  await peer.send(control(4711, [1, 2, 3]));
  await peer.send(data(9, new Uint8Array(100_000), fin));
  await peer.send(control(type.reset, [9, 5]));
  await peer.send(control(type.ping, [1]));
  assert.equal(await peer.next(), "ping 1");
});

Deno.test("SpdySession takes streams that were born at their end, or that have no way back", async () => {
  await using peer = startPeer("server");
  await peer.synStream(1, { flags: fin });
  await peer.synStream(3, { flags: unidirectional });
  await peer.synStream(5, { flags: fin | unidirectional });
  await peer.send(data(3, Uint8Array.of(1), fin));
  const [ended, oneWay, both] = [
    await within(peer.session.accept()),
    await within(peer.session.accept()),
    await within(peer.session.accept()),
  ];
  assert.equal(await within(ended?.read() ?? never()), undefined);
  await ended?.write(Uint8Array.of(2));
  assert.equal(await peer.next(), "syn reply 1");
  assert.equal(await peer.next(), "data 1 1");
  assert.deepEqual(await oneWay?.read(), Uint8Array.of(1));
  await assert.rejects(oneWay?.write(Uint8Array.of(2)) ?? never(), /ended/);
  assert.equal(await within(both?.read() ?? never()), undefined);
  await both?.end();
});

Deno.test("SpdySession is not held up by a stream that both have ended, though nobody reads it", async () => {
  await using peer = startPeer("server");
  for (let id = 1; id < 100; id += 2) {
    await peer.synStream(id);
    const stream = await within(peer.session.accept());
    await stream?.end();
    // The last piece makes the queue full.
    await within(peer.send(data(id, new Uint8Array(262_000), fin)));
    await peer.send(control(type.ping, [id]));
    while (await peer.next() !== `ping ${id}`);
    await stream?.reset();
  }
});

Deno.test("SpdySession drops what comes for a stream after it was reset", async () => {
  await using peer = startPeer("server");
  await peer.synStream(1);
  const stream = await within(peer.session.accept());
  assert.equal(await peer.next(), "syn reply 1");
  await stream?.reset();
  assert.equal(await peer.next(), "reset 1");
  for (let count = 0; count < 20; count++) {
    await within(peer.send(data(1, new Uint8Array(100_000))));
  }
  await peer.send(control(type.ping, [1]));
  assert.equal(await peer.next(), "ping 1");
});

Deno.test("SpdySession forgets a stream that its peer resets before it is accepted", async () => {
  await using peer = startPeer("server");
  const frames = [
    ...synStream(1, peer.encoder.encode(new Map())),
    ...control(type.reset, [1, 5]),
    ...synStream(3, peer.encoder.encode(new Map())),
  ];
  await peer.send(Uint8Array.from(frames));
  const stream = await within(peer.session.accept());
  assert.equal(stream?.id, 3);
});

Deno.test("SpdySession refuses the 1001st stream, and takes one again when another is gone", async () => {
  await using peer = startPeer("server");
  const reading = (async () => {
    const seen: string[] = [];
    while (seen.at(-1) !== "ping 1") seen.push(await peer.next());
    return seen;
  })();
  for (let count = 0; count <= 1000; count++) {
    await peer.synStream(count * 2 + 1);
  }
  await peer.send(control(type.reset, [5, 5]));
  await peer.synStream(2003);
  await peer.send(control(type.ping, [1]));
  const seen = await within(reading);
  assert.equal(seen.filter((frame) => /^syn reply/.test(frame)).length, 1001);
  const refused = seen.filter((frame) => /^reset/.test(frame));
  assert.deepEqual(refused, ["reset 2001"]);
});

Deno.test("SpdySession does not gather replies without end for a peer that does not read", async () => {
  await using peer = startPeer("server");
  const pings = new Uint8Array(12 * 1000);
  for (let at = 0; at < pings.length; at += 12) {
    pings.set(control(type.ping, [1]), at);
  }
  const ended = new AbortController();
  let sent = 0;
  const sending = (async () => {
    for (; sent < 100 && !ended.signal.aborted; sent++) await peer.send(pings);
  })();
  let replies = 0;
  for (; replies < 100_000; replies++) {
    if (replies === 50_000) assert.ok(sent < 90, `${sent} of 100 were read`);
    assert.equal(await peer.next(), "ping 1");
  }
  await within(sending);
});

Deno.test("SpdySession that is said goodbye to is over when its streams are", async () => {
  await using peer = startPeer("server");
  await peer.synStream(1);
  const stream = await within(peer.session.accept());
  await peer.send(control(more.goAway, [0, 0]));
  await peer.synStream(3);
  assert.equal(await peer.next(), "syn reply 1");
  assert.equal(await peer.next(), "reset 3");
  await assert.rejects(peer.session.open(new Map()), /the session ends/);
  await peer.send(data(1, Uint8Array.of(1), fin));
  assert.deepEqual(await stream?.read(), Uint8Array.of(1));
  await stream?.write(Uint8Array.of(2));
  await stream?.end();
  const last = [await peer.next(), await peer.next(), await peer.next()];
  assert.deepEqual(last, ["data 1 1", "data 1 0 fin", "go away"]);
  await within(peer.running);
  assert.equal(await peer.session.accept(), undefined);
});

Deno.test("SpdySession.open() rejects when the peer refuses, and waits for its reply", async () => {
  await using peer = startPeer("client");
  const refused = assert.rejects(peer.session.open(new Map()), /refused/);
  assert.equal(await peer.next(), "syn stream 1");
  await peer.send(control(type.reset, [1, 3]));
  await within(refused);
  const opening = peer.session.open(new Map());
  assert.equal(await peer.next(), "syn stream 3");
  const reply = peer.encoder.encode(new Map());
  await peer.send(control(type.synReply, [3], reply));
  assert.equal((await within(opening)).id, 3);
  const early = assert.rejects(peer.session.open(new Map()), /refused/);
  assert.equal(await peer.next(), "syn stream 5");
  await peer.send(data(5, new Uint8Array(400_000)));
  assert.equal(await peer.next(), "reset 5");
  await within(early);
});

Deno.test("SpdySession.run() rejects when the peer breaks the protocol, and everything ends", async () => {
  const broken: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["version", Uint8Array.of(0x80, 2, 0, 6, 0, 0, 0, 4), /version 2/],
    ["control size", Uint8Array.of(0x80, 3, 0, 8, 0, 1, 0, 1), /65537 bytes/],
    ["data of stream 0", data(0, new Uint8Array(1)), /stream 0/],
    ["stream 0", control(type.synStream, [0, 0, 0]), /stream 0/],
    ["short ping", control(type.ping, []), /cut off/],
    ["short reset", control(type.reset, [1]), /cut off/],
    ["short stream", control(type.synStream, [1, 0]), /cut off/],
    ["no headers", synStream(3, new Uint8Array(0)), /cut off/],
    ["no zlib", synStream(3, Uint8Array.of(0xff, 1)), /Cannot inflate/],
    ["half a head", Uint8Array.of(0x80, 3), /ended within a frame/],
    [
      "half a frame",
      data(7, new Uint8Array(9)).subarray(0, 12),
      /ended within/,
    ],
  ];
  for (const [what, bytes, why] of broken) {
    await using peer = startPeer("server");
    await peer.synStream(1);
    const stream = await within(peer.session.accept());
    const reading = stream?.read() ?? never();
    await peer.send(bytes);
    await peer.stream.close();
    await assert.rejects(within(peer.running), why, what);
    assert.equal(await within(reading), undefined);
    assert.equal(await within(peer.session.accept()), undefined);
    await assert.rejects(stream?.write(bytes) ?? never(), /is gone/);
  }
});

Deno.test("SpdySession.run() rejects stream ids that are not the peer's, or come twice", async () => {
  const tries = [["server", 5, 3], ["server", 5, 5], ["server", 1, 2], [
    "client",
    4,
    5,
  ]] as const;
  for (const [role, first, second] of tries) {
    await using peer = startPeer(role);
    await peer.synStream(first);
    await peer.synStream(second);
    const why = new RegExp(`stream ${second} follows ${first}`);
    await assert.rejects(within(peer.running), why);
  }
});

interface Peer extends AsyncDisposable {
  readonly session: SpdySession;
  readonly running: Promise<void>;
  readonly stream: ByteStream;
  readonly encoder: HeaderEncoder;
  send(frame: Uint8Array): Promise<void>;
  synStream(id: number, options?: SynStreamOptions): Promise<void>;
  /** The next frame of the session, or piece of one, in words. */
  next(): Promise<string>;
}

interface SynStreamOptions {
  readonly headers?: ReadonlyMap<string, string>;
  readonly flags?: number;
}

/** A session of `role`, and a peer that sends what it is told to. */
function startPeer(role: "server" | "client"): Peer {
  const [stream, far] = streamPair();
  const session = new SpdySession(far, { role });
  const stop = new AbortController();
  const running = session.run(stop);
  const settled = running.catch(() => "whoever looks at it has the error");
  const parser = new SpdyFrameParser();
  const decoder = new HeaderDecoder();
  const encoder = new HeaderEncoder();
  return {
    session,
    running,
    stream,
    encoder,
    send: (frame) => stream.write(frame),
    synStream(id, { headers = new Map(), flags = 0 } = {}) {
      return stream.write(synStream(id, encoder.encode(headers), flags));
    },
    async next() {
      for (;;) {
        const frame = parser.next();
        if (frame === undefined) {
          const chunk = await within(stream.read());
          if (chunk === undefined) return "end";
          parser.feed(chunk);
        } else if (frame.kind === "data") {
          const size = `data ${frame.streamId} ${frame.bytes.length}`;
          return frame.fin ? `${size} fin` : size;
        } else if (frame.kind === "ping") {
          return `ping ${frame.id}`;
        } else if (frame.kind === "go away" || frame.kind === "other") {
          return frame.kind;
        } else {
          if ("block" in frame) decoder.decode(frame.block);
          return `${frame.kind} ${frame.streamId}`;
        }
      }
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      stream.destroy();
      await settled;
    },
  };
}

function synStream(id: number, block: Uint8Array, flags = 0): Uint8Array {
  const rest = new Uint8Array(2 + block.length);
  rest.set(block, 2);
  return control(type.synStream, [id, 0], rest, flags);
}

function control(
  frameType: number,
  numbers: readonly number[],
  rest: Uint8Array = new Uint8Array(0),
  flags = 0,
): Uint8Array {
  const frame = new Uint8Array(8 + numbers.length * 4 + rest.length);
  const view = new DataView(frame.buffer);
  view.setUint16(0, 0x8003);
  view.setUint16(2, frameType);
  view.setUint32(4, frame.length - 8);
  view.setUint8(4, flags);
  numbers.forEach((number, at) => view.setUint32(8 + at * 4, number));
  frame.set(rest, 8 + numbers.length * 4);
  return frame;
}

function data(id: number, bytes: Uint8Array, flags = 0): Uint8Array {
  const frame = new Uint8Array(8 + bytes.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, id);
  view.setUint32(4, bytes.length);
  view.setUint8(4, flags);
  frame.set(bytes, 8);
  return frame;
}

function never(): Promise<never> {
  return Promise.reject(new Error("There is no stream"));
}

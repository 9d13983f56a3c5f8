import assert from "node:assert/strict";
import fc from "fast-check";
import {
  goAwayFrame,
  pingFrame,
  putDataHead,
  resetFrame,
  type SpdyFrame,
  synReplyFrame,
  synStreamFrame,
} from "./spdy_frame.ts";
import { SpdyFrameParser } from "./spdy_frame_parser.ts";

Deno.test("SpdyFrameParser gives the same frames wherever the bytes are cut", () => {
  const block = new Uint8Array(500).fill(9);
  const bytes = join([
    synStreamFrame(1, block),
    synReplyFrame(2, block),
    pingFrame(7),
    dataFrame(1, 1000, true),
    resetFrame(1, 5),
    dataFrame(3, 0, true),
    dataFrame(3, 1, false),
    goAwayFrame(1),
  ]);
  const whole = parse([bytes]);
  assert.deepEqual(whole, [
    `syn stream 1 ${block} false`,
    `syn reply 2 ${block} false`,
    "ping 7",
    `data 1 ${new Uint8Array(1000).fill(5)} true`,
    "reset 1",
    "data 3  true",
    "data 3 5 false",
    "go away",
  ]);
  fc.assert(
    fc.property(
      fc.array(fc.nat(bytes.length), { maxLength: 60 }),
      (places) => {
        const cuts = [...places, 0, bytes.length].sort((a, b) => a - b);
        const chunks = cuts.slice(1).map((end, at) =>
          bytes.subarray(cuts[at], end)
        );
        assert.deepEqual(parse(chunks), whole);
      },
    ),
  );
});

Deno.test("SpdyFrameParser gives pieces of a data frame as they come, the last one with its end", () => {
  const parser = new SpdyFrameParser();
  const head = dataFrame(1, 0xffffff, true).subarray(0, 8);
  parser.feed(head);
  assert.equal(parser.next(), undefined);
  assert.equal(parser.insideFrame, true);
  const piece = new Uint8Array(0x10000);
  for (let count = 0; count < 255; count++) {
    parser.feed(piece);
    const frame = parser.next();
    assert.ok(frame?.kind === "data" && !frame.fin);
    assert.equal(frame.bytes.buffer, piece.buffer);
    assert.equal(parser.next(), undefined);
  }
  parser.feed(piece);
  const last = parser.next();
  assert.ok(last?.kind === "data" && last.fin);
  assert.equal(last.bytes.length, 0xffff);
  assert.equal(parser.next(), undefined);
  assert.equal(parser.insideFrame, true, "one byte of the next head is there");
});

/** The frames of these chunks in words; pieces of a data frame are put together. */
function parse(chunks: readonly Uint8Array[]): readonly string[] {
  const parser = new SpdyFrameParser();
  const frames: string[] = [];
  let piece: number[] = [];
  for (const chunk of chunks) {
    // What a transport does: the bytes are gone when the next ones come.
    const given = chunk.slice();
    parser.feed(given);
    for (let frame = parser.next(); frame; frame = parser.next()) {
      if (frame.kind === "data") {
        piece.push(...frame.bytes);
        const whole = [1000, 0, 1][frames.filter(isData).length];
        if (piece.length < (whole ?? 0)) {
          assert.equal(frame.fin, false);
          continue;
        }
        frames.push(`data ${frame.streamId} ${piece} ${frame.fin}`);
        piece = [];
      } else frames.push(inWords(frame));
    }
    given.fill(0xee);
  }
  assert.equal(parser.insideFrame, false);
  return frames;
}

function isData(frame: string): boolean {
  return frame.startsWith("data");
}

function inWords(frame: SpdyFrame): string {
  return Object.values(frame).map(String).join(" ")
    .replace(/ false false$/, " false");
}

function dataFrame(streamId: number, length: number, fin: boolean): Uint8Array {
  const frame = new Uint8Array(8 + Math.min(length, 1000)).fill(5);
  putDataHead(new DataView(frame.buffer), 0, { streamId, length, fin });
  return frame;
}

function join(frames: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(frames.flatMap((frame) => [...frame]));
}

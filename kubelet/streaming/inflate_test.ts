import assert from "node:assert/strict";
import { promisify } from "node:util";
import zlib from "node:zlib";
import fc from "fast-check";
import { Inflater } from "./inflate.ts";

const none = new Uint8Array(0);
const noLimit = 1 << 30;

Deno.test("Inflater gives what zlib deflated, whatever the blocks and wherever it is cut", async () => {
  const settings: readonly zlib.ZlibOptions[] = [
    { level: 0 }, // stored blocks
    { level: 6, strategy: zlib.constants.Z_FIXED },
    { level: 1 },
    { level: 9 }, // dynamic codes
    { level: 6, strategy: zlib.constants.Z_HUFFMAN_ONLY },
    { level: 6, strategy: zlib.constants.Z_RLE },
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...settings),
      content(),
      fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 20 }),
      async (options, bytes, cuts) => {
        const packed = await promisify<
          zlib.InputType,
          zlib.ZlibOptions,
          Uint8Array
        >(
          zlib.deflate,
        )(bytes, options);
        assert.deepEqual(inflate(packed, cuts), bytes);
      },
    ),
    { numRuns: 150 },
  );
});

Deno.test("Inflater refers back by all that zlib ever does", () => {
  const unit = random(32 * 1024 - 262, 7); // MIN_LOOKAHEAD of zlib
  const bytes = new Uint8Array(200_000);
  for (let at = 0; at < bytes.length; at += unit.length) {
    bytes.set(unit.subarray(0, bytes.length - at), at);
  }
  const packed = zlib.deflateSync(bytes, { level: 9 });
  assert.ok(packed.length < 60_000, "such references are used");
  assert.deepEqual(inflate(packed, [1000]), bytes);
});

Deno.test("Inflater gives all that a chunk tells when it ends in the midst of a byte", () => {
  // Written by zlib, with Z_PARTIAL_FLUSH after each of the texts.
  const parts = ["78daca48cdc9c957c840220102", "a83cbf28270520"];
  const inflater = new Inflater(none);
  const texts = parts.map((part) =>
    new TextDecoder().decode(inflater.push(Uint8Array.fromHex(part), noLimit))
  );
  assert.deepEqual(texts, ["hello hello hello ", "world"]);
});

Deno.test("Inflater ends with an error where zlib does, and never otherwise", () => {
  fc.assert(
    fc.property(
      smallContent(),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (bytes, where, flip) => {
        const packed = Uint8Array.from(zlib.deflateRawSync(bytes));
        const at = where % packed.length;
        packed[at] = (packed[at] ?? 0) ^ flip;
        assert.deepEqual(ours(packed), theirs(packed));
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("Inflater does not give more than the limit: a bomb ends in an error", () => {
  const packed = zlib.deflateSync(new Uint8Array(50_000_000), { level: 9 });
  assert.throws(
    () => new Inflater(none).push(packed, 65_536),
    /more than 65536 bytes/,
  );
  const exact = zlib.deflateSync(new Uint8Array(65_536));
  assert.equal(new Inflater(none).push(exact, 65_536).length, 65_536);
});

Deno.test("Inflater refuses streams that are not of zlib or need another dictionary", () => {
  const tries: readonly (readonly [readonly number[], RegExp])[] = [
    [[0x79, 0x9c], /not of zlib/],
    [[0x88, 0x1c], /not of zlib/],
    [[0x78, 0x9d], /header is broken/],
    [[0x78, 0xbb, 1, 2, 3, 4], /another dictionary/],
    [[0x78, 0x9c, 0x07], /no known type/],
    [[0x78, 0x9c, 0x00, 1, 0, 1, 0], /length of a block/],
    [[0x78, 0x9c, 0x03, 0, 0, 0, 0, 1, 9], /follow the end/],
  ];
  for (const [bytes, why] of tries) {
    const inflater = new Inflater(none);
    assert.throws(() => inflater.push(Uint8Array.from(bytes), noLimit), why);
  }
});

Deno.test("Inflater does not keep the chunk it was given", () => {
  const packed = zlib.deflateSync(new TextEncoder().encode("kept by nobody"));
  const inflater = new Inflater(none);
  const chunk = new Uint8Array(1);
  const parts = [...packed].map((byte) => {
    chunk[0] = byte;
    const part = inflater.push(chunk, noLimit);
    chunk[0] = 0xff;
    return part;
  });
  assert.equal(new TextDecoder().decode(concat(parts)), "kept by nobody");
});

function inflate(packed: Uint8Array, cuts: readonly number[]): Uint8Array {
  const inflater = new Inflater(none);
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const cut of [...cuts, packed.length]) {
    parts.push(inflater.push(packed.subarray(at, at + cut), noLimit));
    at += cut;
  }
  parts.push(inflater.push(packed.subarray(at), noLimit));
  return concat(parts);
}

/** What comes out of a raw stream, or that it is broken. */
function ours(raw: Uint8Array): string {
  const inflater = new Inflater(none);
  const parts: Uint8Array[] = [];
  try {
    for (const byte of [0x78, 0x9c, ...raw]) {
      parts.push(inflater.push(Uint8Array.of(byte), noLimit));
    }
  } catch (error) {
    // zlib does not look at what follows a raw stream.
    if (!/follow the end/.test(String(error))) return "broken";
  }
  return concat(parts).toHex();
}

function theirs(raw: Uint8Array): string {
  // A stream that ends early is no error to either then.
  const finishFlush = zlib.constants.Z_SYNC_FLUSH;
  try {
    return Uint8Array.from(zlib.inflateRawSync(raw, { finishFlush })).toHex();
  } catch {
    return "broken";
  }
}

/** Bytes that compress well, badly, or in parts. */
function content(): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    smallContent(),
    fc.nat().map((seed) => random(90_000, seed)),
  );
}

function smallContent(): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    fc.uint8Array({ maxLength: 1000 }),
    fc.array(fc.constantFrom("pod", "node", "stream", "\0\0\0", "é"), {
      maxLength: 500,
    }).map((words) => new TextEncoder().encode(words.join(""))),
  ).map((bytes) => Uint8Array.from(bytes));
}

function random(size: number, seed: number): Uint8Array {
  let state = seed >>> 0;
  return new Uint8Array(size).map(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

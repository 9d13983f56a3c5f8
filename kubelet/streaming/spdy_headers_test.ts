import assert from "node:assert/strict";
import zlib from "node:zlib";
import { HeaderDecoder, HeaderEncoder } from "./spdy_headers.ts";
import { spdyDictionary } from "./spdy_dictionary.ts";

/** Blocks as moby/spdystream 0.5.1 wrote them on one connection, with what it was told to write. */
const written:
  readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    [
      "78f9e3c6a7c26260606004a7b392a2d4c45c6851c29a0a0a6800000000ffff",
      { streamtype: "error" },
    ],
    ["c22e555c92929907000000ffff", { streamtype: "stdin" }],
    ["c22ac5565c92925f5a02000000ffff", { streamtype: "stdout" }],
    ["c22e57945a9c59950a000000ffff", { streamtype: "resize" }],
    [
      "0225710c3950c19508a9038ac0d9cdc2c0c280818181b308926632417989" +
      "d100000000ffff",
      { streamtype: "data", port: "8080", requestid: "0" },
    ],
    ["829acb56a19b9b9807ce8e890c4900000000ffff", { "x-many": "a" }],
  ];

Deno.test("HeaderDecoder reads the blocks of moby/spdystream, of several values the first", () => {
  const decoder = new HeaderDecoder();
  for (const [block, want] of written) {
    const headers = decoder.decode(Uint8Array.fromHex(block));
    assert.deepEqual(Object.fromEntries(headers), want);
  }
});

Deno.test("spdyDictionary() is the one of the specification", () => {
  const digest = zlib.crc32(spdyDictionary());
  assert.equal(spdyDictionary().length, 1423);
  assert.equal(digest, 0x4c8490e);
});

Deno.test("HeaderEncoder writes one zlib stream, flushed after each block", () => {
  const encoder = new HeaderEncoder();
  const maps = [
    new Map<string, string>(),
    new Map([["streamtype", "stdin"], ["port", "80"]]),
    new Map([["long", "ü".repeat(4000)]]),
  ];
  const decoder = new HeaderDecoder();
  let stream = "";
  for (const headers of maps) {
    const block = encoder.encode(headers);
    assert.match(block.toHex(), /000000ffff$/);
    assert.deepEqual(decoder.decode(block), headers);
    stream += block.toHex();
  }
  const plain = zlib.inflateSync(Uint8Array.fromHex(stream), {
    finishFlush: zlib.constants.Z_SYNC_FLUSH,
  });
  assert.match(plain.toString(), /streamtype.*stdin.*port.*80.*long.*üüü/s);
});

Deno.test("HeaderEncoder refuses what is too large, and goes on", () => {
  const encoder = new HeaderEncoder();
  const large = new Map([["large", "x".repeat(20_000)]]);
  assert.throws(() => encoder.encode(large), /more than 16384/);
  const small = new Map([["small", "x"]]);
  assert.deepEqual(new HeaderDecoder().decode(encoder.encode(small)), small);
});

Deno.test("HeaderDecoder refuses blocks that are broken or too large", () => {
  const tries: readonly (readonly [string, RegExp])[] = [
    ["000000", /cut off/],
    ["00000001", /cut off/],
    ["0000000100000001", /cut off/],
    ["000000010000000161ffffffff62", /cut off/],
    ["00000000ff", /bytes follow/],
    ["ffffffff", /4294967295 are more than 256/],
    ["00000001000000000000000162", /a name is empty/],
    ["000000010000000141" + "0000000162", /upper case/],
    ["0000000200000001610000000162" + "00000001610000000162", /twice/],
    ["0000000100000001610000000180", /not UTF-8/],
  ];
  for (const [plain, why] of tries) {
    const block = zlib.deflateSync(Uint8Array.fromHex(plain));
    assert.throws(() => new HeaderDecoder().decode(block), why, plain);
  }
  const bomb = zlib.deflateSync(new Uint8Array(10_000_000));
  assert.throws(() => new HeaderDecoder().decode(bomb), /more than 65536/);
});

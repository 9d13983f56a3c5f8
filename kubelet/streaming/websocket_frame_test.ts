import assert from "node:assert/strict";
import fc from "fast-check";
import {
  applyMask,
  headLength,
  opcodes,
  parseFrameHead,
  writeFrameHead,
} from "./websocket_frame.ts";

const bytesOf = (...bytes: number[]) => new Uint8Array(bytes);

Deno.test("applyMask() masks as the definition says, wherever the bytes lie", () => {
  fc.assert(fc.property(
    fc.uint8Array({ maxLength: 70 }),
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.nat(7),
    (payload, mask, offset) => {
      const room = new Uint8Array(offset + payload.length + 3).fill(7);
      const place = room.subarray(offset, offset + payload.length);
      place.set(payload);
      applyMask(place, mask);
      assert.deepEqual(
        place,
        payload.map((byte, i) => byte ^ Number(mask[i & 3])),
      );
      assert(room.subarray(0, offset).every((byte) => byte === 7));
      assert(room.subarray(-3).every((byte) => byte === 7));
    },
  ));
});

for (const length of [0, 125, 126, 0xffff, 0x10000, 5_000_000_000]) {
  for (const mask of [undefined, bytesOf(1, 2, 3, 4)]) {
    Deno.test(`parseFrameHead() reads what writeFrameHead() wrote: ${length} bytes, ${mask ? "masked" : "plain"}`, () => {
      const target = new Uint8Array(20);
      const opcode = opcodes.binary;
      const start = writeFrameHead(target, 18, { opcode, length, mask });
      const head = target.subarray(start, 18);
      assert.equal(headLength(head), head.length);
      assert.deepEqual(parseFrameHead(head), {
        kind: "frame",
        opcode,
        final: true,
        length,
        mask,
      });
    });
  }
}

for (
  const [what, head] of [
    ["reserved bit 1", [0xc2, 0]],
    ["reserved bit 2", [0xa2, 0]],
    ["reserved bit 3", [0x92, 0]],
    ["a reserved data opcode", [0x83, 0]],
    ["a reserved control opcode", [0x8b, 0]],
    ["a fragmented ping", [0x09, 0]],
    ["a ping of 126 bytes", [0x89, 126, 0, 126]],
    ["a long form for 125 bytes", [0x82, 126, 0, 125]],
    ["a 64 bit form for 65535 bytes", [
      0x82,
      127,
      0,
      0,
      0,
      0,
      0,
      0,
      255,
      255,
    ]],
  ] as const
) {
  Deno.test(`parseFrameHead() finds ${what} against the protocol`, () => {
    const parsed = parseFrameHead(new Uint8Array(head));
    assert(parsed.kind === "violation");
    assert.equal(parsed.code, 1002);
  });
}

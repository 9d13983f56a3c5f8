import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeFields, encodeFields, type Field } from "./hpack.ts";

function bytes(hexadecimal: string): Uint8Array {
  return Uint8Array.from(
    hexadecimal.match(/[0-9a-f]{2}/g) ?? [],
    (pair) => parseInt(pair, 16),
  );
}

for (
  const [name, block, fields] of [
    // Of the example the names that everybody knows are left out.
    [
      "of RFC 7541, C.6.1",
      "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81" +
      "66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
      [[":status", "302"]],
    ],
    ["of a known status", "88", [[":status", "200"]]],
    ["after the size of a table", "20 8d", [[":status", "404"]]],
    [
      "with a name of its own, as in C.2.1",
      "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
      [["custom-key", "custom-header"]],
    ],
    [
      "with Huffman's code, as in C.4.3",
      "4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
      [["custom-key", "custom-value"]],
    ],
  ] as const
) {
  Deno.test(`decodeFields() reads a block ${name}`, () => {
    assert.deepEqual(decodeFields(bytes(block)), fields);
  });
}

for (const block of ["40", "40ff", "4005 61", "408f ffff", "ffff ffff ffff"]) {
  Deno.test(`decodeFields() refuses ${block}`, () => {
    assert.throws(() => decodeFields(bytes(block)), /malformed HPACK/);
  });
}

Deno.test("decodeFields() reads what encodeFields() has written, however long", () => {
  const text = fc.string({ unit: "grapheme-ascii", maxLength: 400 });
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text)), (fields: Field[]) => {
      assert.deepEqual(decodeFields(encodeFields(fields)), fields);
    }),
  );
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { ChunkedDecoder } from "./chunked_decoder.ts";

const encoder = new TextEncoder();

function decodeAll(text: string, cuts: readonly number[]): {
  readonly data: string;
  readonly rest: string;
} {
  const bytes = encoder.encode(text);
  const decoder = new ChunkedDecoder();
  const ends = [...cuts.map((cut) => cut % bytes.length), bytes.length]
    .toSorted((a, b) => a - b);
  let data = "";
  let at = 0;
  for (const end of ends) {
    const piece = bytes.subarray(at, end);
    at = end;
    if (decoder.done) continue;
    const decoded = decoder.decode(piece);
    data += new TextDecoder().decode(decoded.data);
    if (decoder.done) {
      const rest = bytes.subarray(end - piece.length + decoded.taken);
      return { data, rest: new TextDecoder().decode(rest) };
    }
  }
  return { data, rest: "unfinished" };
}

Deno.test("ChunkedDecoder.decode() gives the body and what follows it, wherever the pieces are cut", () => {
  const chunk = fc.string({
    minLength: 1,
    maxLength: 40,
    unit: "grapheme-ascii",
  });
  fc.assert(fc.property(
    fc.array(chunk),
    fc.array(fc.nat(), { maxLength: 8 }),
    (chunks, cuts) => {
      const framed = chunks.map((each) =>
        `${each.length.toString(16)};x=y\r\n${each}\r\n`
      );
      const text = `${framed.join("")}0\r\nA: b\r\n\r\nHTTP/1.1 200`;
      const { data, rest } = decodeAll(text, cuts);
      assert.equal(data, chunks.join(""));
      assert.equal(rest, "HTTP/1.1 200");
    },
  ));
});

for (
  const text of [
    "zz\r\n",
    "-1\r\n",
    "\r\n",
    "3\r\nabcX\r\n",
    "9".repeat(20) + "\r\n",
    "0".repeat(5000),
  ]
) {
  Deno.test(`ChunkedDecoder.decode() refuses ${JSON.stringify(text.slice(0, 24))}`, () => {
    assert.throws(
      () => new ChunkedDecoder().decode(encoder.encode(text)),
      /malformed/,
    );
  });
}

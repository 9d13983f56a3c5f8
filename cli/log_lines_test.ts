import assert from "node:assert/strict";
import fc from "fast-check";
import { prefixed, wholeLines } from "./log_lines.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (chunk: Uint8Array) => new TextDecoder().decode(chunk);

async function lines(chunks: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for await (const chunk of wholeLines(streamOf(chunks))) {
    found.push(text(chunk));
  }
  return found;
}

async function* streamOf(chunks: readonly string[]) {
  for (const chunk of chunks) yield await Promise.resolve(bytes(chunk));
}

Deno.test("wholeLines() holds a begun line back until it is whole", async () => {
  assert.deepEqual(await lines(["a\nb", "", "b", "b\nc\nd", "\n"]), [
    "a\n",
    "bbb\nc\n",
    "d\n",
  ]);
});

Deno.test("wholeLines() gives a last line without an end", async () => {
  assert.deepEqual(await lines(["a\nb", "c"]), ["a\n", "bc"]);
});

Deno.test("wholeLines() does not hold back more than 1 MiB", async () => {
  const long = "x".repeat(700 * 1024);
  assert.deepEqual(
    (await lines([long, long, `${long}\n`])).map(({ length }) => length),
    [2 * long.length, long.length + 1],
  );
});

Deno.test("wholeLines() keeps every byte, whatever the chunks", async () => {
  const chunks = fc.array(fc.stringMatching(/^[a\n]{0,9}$/));
  await fc.assert(fc.asyncProperty(chunks, async (chunks) => {
    const found = await lines(chunks);
    assert.equal(found.join(""), chunks.join(""));
    for (const chunk of found.slice(0, -1)) assert.match(chunk, /\n$/);
  }));
});

Deno.test("prefixed() starts every line with the prefix", () => {
  const prefix = bytes("[p] ");
  for (
    const [given, wanted] of [
      ["", ""],
      ["a\n", "[p] a\n"],
      ["a\n\nb\n", "[p] a\n[p] \n[p] b\n"],
      ["a\nb", "[p] a\n[p] b"],
    ] as const
  ) assert.equal(text(prefixed(bytes(given), prefix)), wanted);
});

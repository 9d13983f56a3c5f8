import assert from "node:assert/strict";
import { type ByteSource, ChildStdin } from "./child_stdin.ts";

/** Gives these chunks one by one; `null` is the end. */
function sourceOf(...chunks: readonly (string | null)[]): ByteSource {
  const left = [...chunks];
  function readSync(into: Uint8Array): number | null {
    const chunk = left.shift() ?? null;
    if (chunk === null) return null;
    return new TextEncoder().encodeInto(chunk, into).written;
  }
  return { readSync, read: (into) => Promise.resolve(readSync(into)) };
}

function take(stdin: ChildStdin, maxLength: number): string {
  return new TextDecoder().decode(stdin.take(maxLength));
}

Deno.test("ChildStdin.takeLine() joins a line that comes in pieces", () => {
  const stdin = new ChildStdin(sourceOf("{", '"a":1', "}\nrest"));
  assert.equal(stdin.takeLine(), '{"a":1}\n');
  assert.equal(take(stdin, 100), "rest");
});

Deno.test("ChildStdin.takeLine() throws where the input ends before", () => {
  const stdin = new ChildStdin(sourceOf("{", null));
  assert.throws(() => stdin.takeLine(), /input ended/);
});

Deno.test("ChildStdin gives what follows the line, in the sizes asked for", async () => {
  const stdin = new ChildStdin(sourceOf("line\nab", "cdef", null));
  stdin.takeLine();
  assert.ok(stdin.ready);
  assert.equal(take(stdin, 1), "a");
  assert.equal(take(stdin, 10), "b");
  assert.ok(!stdin.ready);
  await stdin.untilReady();
  assert.equal(take(stdin, 3), "cde");
  assert.equal(take(stdin, 3), "f");
  await stdin.untilReady();
  assert.ok(stdin.ready);
  assert.equal(take(stdin, 3), "");
});

Deno.test("ChildStdin.untilReady() reads once for all who wait", async () => {
  const stdin = new ChildStdin(sourceOf("one", "two", null));
  await Promise.all([stdin.untilReady(), stdin.untilReady()]);
  assert.equal(take(stdin, 100), "one");
});

Deno.test("ChildStdin.untilEnd() passes over all that comes before the end", async () => {
  const stdin = new ChildStdin(sourceOf("one", "two", null));
  await stdin.untilEnd();
  assert.ok(stdin.ready);
  assert.equal(take(stdin, 100), "");
});

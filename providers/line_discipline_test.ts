import assert from "node:assert/strict";
import { LineDiscipline, withReturns } from "./line_discipline.ts";

const encoder = new TextEncoder();

/** What a process reads of these keys, and what the terminal shows. */
async function typed(...keys: readonly string[]) {
  let shown = "";
  let interrupts = 0;
  const discipline = new LineDiscipline({
    echo: (bytes) => {
      shown += new TextDecoder("latin1").decode(bytes);
    },
    interrupt: () => interrupts++,
  });
  const chunks = keys.map((text) => encoder.encode(text));
  const lines = ReadableStream.from(chunks).pipeThrough(discipline);
  const read = await Array.fromAsync(
    lines.pipeThrough(new TextDecoderStream()),
  );
  return { read, shown, interrupts };
}

Deno.test("LineDiscipline hands over whole lines, however they come in", async () => {
  const { read, shown } = await typed("on", "e\rtw", "o\nthree");
  assert.deepEqual(read, ["one\n", "two\n", "three"]);
  assert.equal(shown, "one\r\ntwo\r\nthree");
});

const edits: readonly (readonly [string, string, string])[] = [
  ["Backspace", "ab\x7fc\r", "ac\n"],
  ["Backspace at the beginning", "\x7f\x7fa\r", "a\n"],
  ["Backspace after a character of several bytes", "aé\x7fb\r", "ab\n"],
  ["Ctrl-W", "one two  \x17three\r", "one three\n"],
  ["Ctrl-U", "one two\x15three\r", "three\n"],
  ["Ctrl-C", "one\x03two\r", "two\n"],
  ["Ctrl-D in a line", "one\x04two\r", "onetwo\n"],
  ["Ctrl-D between lines", "one\r\x04two\r", "one\n"],
];

for (const [key, keys, read] of edits) {
  Deno.test(`LineDiscipline knows ${key}`, async () => {
    assert.equal((await typed(keys)).read.join(""), read);
  });
}

Deno.test("LineDiscipline hears Ctrl-C of a process that does not read, and after the end of its input", async () => {
  let interrupts = 0;
  const discipline = new LineDiscipline({
    echo: () => {},
    interrupt: () => interrupts++,
  });
  const keys = discipline.writable.getWriter();
  await keys.write(encoder.encode("typed ahead\r\x03"));
  await keys.write(encoder.encode("\x04\x04\x03"));
  assert.equal(interrupts, 2);
  assert.equal(await new Response(discipline.readable).text(), "typed ahead\n");
});

Deno.test("withReturns() puts a return before each newline", () => {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.equal(text(withReturns(encoder.encode("a\n\nb"))), "a\r\n\r\nb");
  assert.equal(text(withReturns(encoder.encode("none"))), "none");
});

import assert from "node:assert/strict";
import { WholeRecords } from "./file_log.ts";

const encoder = new TextEncoder();

Deno.test("WholeRecords cuts what comes at ends of records", () => {
  const records = new WholeRecords();
  const text = ["a\nb", "c", "d\n", "e"].map((each) =>
    new TextDecoder().decode(records.add(encoder.encode(each)))
  );
  assert.deepEqual(text, ["a\n", "", "bcd\n", ""]);
});

Deno.test("WholeRecords does not gather a record without an end", () => {
  const records = new WholeRecords();
  const chunk = new Uint8Array(64 * 1024).fill(120);
  assert.throws(() => {
    for (let i = 0; i < 1_000; i++) records.add(chunk);
  }, /a line of it has no end/);
});

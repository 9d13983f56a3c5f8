import assert from "node:assert/strict";
import { latin1Bytes, latin1Text } from "./latin1.ts";

Deno.test("latin1Text() has a character for each byte, however many there are", () => {
  const bytes = Uint8Array.from({ length: 200_000 }, (_, at) => at % 256);
  const text = latin1Text(bytes);
  assert.equal(text.codePointAt(0x89), 0x89);
  assert.deepEqual(latin1Bytes(text), bytes);
});

import assert from "node:assert/strict";
import { printable } from "./output.ts";

Deno.test("printable leaves nothing that controls a terminal", () => {
  assert.equal(
    printable("Debian \x1b]0;title\x07 \u009b31m\x7f\r12 é 🐧\n"),
    "Debian \ufffd]0;title\ufffd \ufffd31m\ufffd\ufffd12 é 🐧\n",
  );
});

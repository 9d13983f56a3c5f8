import assert from "node:assert/strict";
import { PullDisplay } from "./pull_display.ts";

/** What a terminal, or something else, gets of a pull. */
function shown(isTerminal: boolean): string {
  const parts: string[] = [];
  {
    using display = new PullDisplay({
      isTerminal: () => isTerminal,
      writeSync(bytes) {
        parts.push(new TextDecoder().decode(bytes));
        return bytes.length;
      },
    });
    for (const doneBytes of [0, 1_000_000, 4_000_000]) {
      display.show({ doneBytes, totalBytes: 4_000_000 });
    }
  }
  return parts.join("");
}

Deno.test("PullDisplay shows in one line how far a pull is, and takes it away", () => {
  assert.equal(
    shown(true),
    "\r0.0 of 4.0 MB (0 %)\x1b[K\r4.0 of 4.0 MB (100 %)\x1b[K\r\x1b[K",
  );
});

Deno.test("PullDisplay shows nothing where there is no terminal", () => {
  assert.equal(shown(false), "");
});

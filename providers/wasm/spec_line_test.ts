import assert from "node:assert/strict";
import { ChildStdin } from "./child_stdin.ts";
import { specBlockLength, specLine } from "./spec_line.ts";

const spec = {
  ...{ module: "/a.wasm", args: ["a"], preopens: [], stdin: true },
  parentPid: 1,
};

Deno.test("specLine() fills whole blocks, so that a reader takes nothing of what follows", () => {
  for (const length of [1, 3000, 4096, 9000]) {
    const line = specLine({ ...spec, env: { TEXT: "x".repeat(length) } });
    assert.equal(line.length % specBlockLength, 0);
    const input = new Uint8Array([...line, ...new TextEncoder().encode("own")]);
    let position = 0;
    const stdin = new ChildStdin({
      read: () => Promise.resolve(null),
      // In pieces, as a pipe may give them.
      readSync(into) {
        const piece = input.subarray(position, position + 1000)
          .subarray(0, into.length);
        into.set(piece);
        position += piece.length;
        return piece.length;
      },
    });
    assert.equal(JSON.parse(stdin.takeLine()).env.TEXT.length, length);
    assert.equal(position, line.length);
    assert.equal(stdin.ready, false);
  }
});

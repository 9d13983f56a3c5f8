import assert from "node:assert/strict";
import { linesOf, makeCage } from "./guest_cage.ts";
import { needing } from "./needing.ts";
import { runGuest } from "./run_guest.ts";
import { testWasmtime } from "./test_program.ts";
import {
  comparedGuests,
  outputFile,
  wasmtimeOutput,
} from "./wasmtime_output.ts";

/** Where we do otherwise than wasmtime, by what it says, and why. */
const deviations: Readonly<Record<string, string>> = {
  // Either way nothing happens: a link is no directory, also with a slash.
  "blocked rmdir evil-dir/ errno=63": "blocked rmdir evil-dir/ errno=54",
  // It loses its place in a directory whose entries are deleted meanwhile.
  "deleted 52 errors 0": "deleted 100 errors 0",
  "blocked remove what is empty then errno=55":
    "OPENED remove what is empty then",
  // Times of an open directory can be set.
  "__wasi_fd_filestat_set_times(ROOT, 1000000000, 2000000000, 5) = 8":
    "__wasi_fd_filestat_set_times(ROOT, 1000000000, 2000000000, 5) = 0",
  // Slashes at the end mean what they mean to Linux.
  "stat file/ follow=0 = 0 type=4 links=1 size=0": "stat file/ follow=0 = 54",
  "stat dirlink/ follow=0 = 0 type=7 links=1 size=3":
    "stat dirlink/ follow=0 = 0 type=3 links=2 size=0",
  '__wasi_path_remove_directory(ROOT, "slash/") = 28':
    '__wasi_path_remove_directory(ROOT, "slash/") = 0',
  '__wasi_path_create_directory(ROOT, "slash/") = 20':
    '__wasi_path_create_directory(ROOT, "slash/") = 0',
};

for (const { module, args, claim } of comparedGuests) {
  Deno.test(`a guest ${claim} as under wasmtime`, async () => {
    await using cage = await makeCage();
    const { stdout } = await runGuest(module, args, cage);
    const expected = await Deno.readTextFile(outputFile(module));
    const wanted = linesOf(expected).map((line) => deviations[line] ?? line);
    assert.deepEqual(linesOf(stdout), wanted);
    await cage.assertUntouched();
  });

  const program = testWasmtime();
  Deno.test({
    ...needing(
      program === undefined ? "no wasmtime" : undefined,
      `wasmtime answers ${module}.wasm what we compare with`,
    ),
    fn: async () => {
      const output = await wasmtimeOutput(program ?? "", module, args);
      const expected = await Deno.readTextFile(outputFile(module));
      assert.deepEqual(linesOf(output), linesOf(expected));
    },
  });
}

Deno.test("a guest of the snapshot before preview 1 polls with its subscriptions", async () => {
  await using cage = await makeCage();
  const { stdout } = await runGuest("old_snapshot", ["poll"], cage);
  assert.deepEqual(linesOf(stdout).slice(-6), [
    "poll 0",
    "events 1",
    "event 1",
    "poll 0",
    "event type 2",
    "done",
  ]);
});

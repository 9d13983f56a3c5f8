import assert from "node:assert/strict";
import { join } from "node:path";
import { readRunnerFile, RunnerFile } from "./runner_file.ts";

Deno.test("readRunnerFile() gives what was written last, however short", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const path = join(dir, "told.json");
    assert.equal(await readRunnerFile(path), undefined);
    const file = new RunnerFile<{ words: string }>(path);
    assert.equal(await readRunnerFile(path), undefined);
    file.write({ words: "äöü ".repeat(1000) });
    file.write({ words: "ö" });
    assert.deepEqual(await readRunnerFile(path), { words: "ö" });
    await Deno.writeTextFile(path, '{"words": "cut o');
    assert.equal(await readRunnerFile(path), undefined);
    file[Symbol.dispose]();
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

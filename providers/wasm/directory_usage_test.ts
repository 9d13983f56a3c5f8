import assert from "node:assert/strict";
import { join } from "node:path";
import { directoryUsage } from "./directory_usage.ts";

const { signal } = new AbortController();

Deno.test("directoryUsage() counts a file once, and follows no links", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(dir, "inside"));
    const file = join(dir, "inside", "file");
    await Deno.writeFile(file, new Uint8Array(100_000));
    const before = await directoryUsage(dir, { signal });
    assert.equal(before?.inodesUsed, 3);
    assert.ok(before.usedBytes >= 100_000 && before.usedBytes < 200_000);
    await Deno.link(file, join(dir, "name"));
    assert.deepEqual(await directoryUsage(dir, { signal }), before);
    await Deno.symlink("/usr", join(dir, "link"));
    const after = await directoryUsage(dir, { signal });
    assert.equal(after?.inodesUsed, 4);
    assert.ok(after.usedBytes < 200_000);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("directoryUsage() knows nothing of what is missing", async () => {
  assert.equal(await directoryUsage("/no/such/place", { signal }), undefined);
});

Deno.test("directoryUsage() ends when aborted", async () => {
  const aborted = { signal: AbortSignal.abort() };
  await assert.rejects(directoryUsage(".", aborted), { name: "AbortError" });
});

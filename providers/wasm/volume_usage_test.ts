import assert from "node:assert/strict";
import { join } from "node:path";
import { VolumeUsage } from "./volume_usage.ts";

Deno.test("VolumeUsage measures volumes that come later, too", async () => {
  const { signal } = new AbortController();
  const directory = await Deno.makeTempDir();
  try {
    await using usage = new VolumeUsage();
    assert.deepEqual(await usage.sample([], { signal }), []);
    await Deno.writeFile(join(directory, "file"), new Uint8Array(50_000));
    const place = { podUid: "uid-1", volume: "data", directory };
    const deadline = AbortSignal.timeout(10_000);
    let [sample] = await usage.sample([place], { signal });
    while (sample === undefined) {
      deadline.throwIfAborted();
      [sample] = await usage.sample([place], { signal });
    }
    assert.ok(sample.usedBytes >= 50_000);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

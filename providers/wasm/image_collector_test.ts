import assert from "node:assert/strict";
import { join } from "node:path";
import { parseImageName } from "../image_name.ts";
import { ImageCollector } from "./image_collector.ts";
import { ImageUses } from "./image_uses.ts";
import { ModuleStore } from "./modules.ts";

const { signal } = new AbortController();
const options = { signal };

Deno.test("ImageCollector removes what was pulled and no container has", async () => {
  const stateDir = await Deno.realPath(await Deno.makeTempDir());
  const other = await Deno.realPath(await Deno.makeTempDir());
  try {
    const store = new ModuleStore({ stateDir, allowLocalModules: [] });
    const uses = new ImageUses(stateDir);
    const put = async (app: string, hoursOld: number) => {
      const digest = `sha256:${app.charCodeAt(0).toString(16).repeat(32)}`;
      const imageId = `example.com/${app}@${digest}`;
      const at = new Date(Date.now() - hoursOld * 3600_000).toISOString();
      const stored = { digest, sizeBytes: 1, pulled: { imageId, at } };
      await store.content.addModule(
        digest,
        (path) => Deno.writeTextFile(path, app),
        options,
      );
      await store.put(parseImageName(imageId), stored);
      await store.put(parseImageName(`example.com/${app}:1`), stored);
      return imageId;
    };
    await put("a", 1);
    await put("new", 0);
    const asked = await put("d", 1);
    const used = await put("u", 1);
    await Deno.writeTextFile(join(other, "x.wasm"), "x");
    await store.load("loaded", join(other, "x.wasm"), options);
    // Another process's, with the same store.
    await Deno.symlink(join(stateDir, "modules"), join(other, "modules"));
    await new ImageUses(other).register();
    const run = join(other, "pods/p/containers/c/0");
    await Deno.mkdir(run, { recursive: true });
    await Deno.writeTextFile(
      join(run, "container.json"),
      JSON.stringify({ imageId: used }),
    );
    await using collector = new ImageCollector({ store, uses, stateDir });
    collector.use(asked);
    await collector.collect({ signal, allUnused: true });
    const tags = async () =>
      (await store.list()).map(({ name }) => name)
        .filter((name) => !name.includes("@"));
    const kept = ["example.com/d:1", "example.com/new:1"];
    assert.deepEqual(await tags(), [
      ...kept,
      "example.com/u:1",
      "loaded:latest",
    ]);
    await Deno.remove(other, { recursive: true });
    await store.removeImage(used);
    assert.deepEqual([...await uses.used()], []);
    assert.deepEqual(await tags(), [...kept, "loaded:latest"]);
  } finally {
    await Deno.remove(stateDir, { recursive: true });
    await Deno.remove(other, { recursive: true }).catch(() => undefined); // Removed before.
  }
});

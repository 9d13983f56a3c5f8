import assert from "node:assert/strict";
import { ContentStore } from "./content_store.ts";

const { signal } = new AbortController();
const digest = `sha256:${"a".repeat(64)}`;

async function withStore(
  test: (store: ContentStore, dir: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await test(new ContentStore(dir), dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("ContentStore adds the same content once, whoever else wants it meanwhile", async () => {
  await withStore(async (store) => {
    let writes = 0;
    const write = async (path: string) => {
      writes++;
      await Deno.writeTextFile(path, "x");
    };
    await Promise.all(
      Array.from(
        { length: 10 },
        () => store.addModule(digest, write, { signal }),
      ),
    );
    assert.equal(writes, 1);
    assert.equal(await Deno.readTextFile(store.modulePath(digest)), "x");
  });
});

Deno.test("ContentStore lets the next one try when an addition fails", async () => {
  await withStore(async (store, dir) => {
    const begun = Promise.withResolvers<void>();
    const cut = Promise.withResolvers<void>();
    const first = store.addModule(digest, () => {
      begun.resolve();
      return cut.promise;
    }, { signal });
    await begun.promise;
    const second = store.addModule(
      digest,
      (path) => Deno.writeTextFile(path, "x"),
      { signal },
    );
    cut.reject(new Error("cut off"));
    await assert.rejects(first, /cut off/);
    await second;
    assert.equal(await Deno.readTextFile(store.modulePath(digest)), "x");
    const leftovers = await Array.fromAsync(Deno.readDir(`${dir}/tmp`));
    assert.deepEqual(leftovers, []);
  });
});

Deno.test("ContentStore lets go of who waits for an addition and gives up", async () => {
  await withStore(async (store) => {
    const begun = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const first = store.addModule(digest, async (path) => {
      begun.resolve();
      await finish.promise;
      await Deno.writeTextFile(path, "x");
    }, { signal });
    await begun.promise;
    const stop = new AbortController();
    const second = store.addModule(digest, () => Promise.resolve(), stop);
    stop.abort(new Error("enough"));
    await assert.rejects(second, /enough/);
    finish.resolve();
    await first;
  });
});

import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import type { VolumeFile } from "./container_spec.ts";
import { writeVolumeFiles } from "./volume_dir.ts";

function file(path: string, text: string, mode = 0o644): VolumeFile {
  return { path, content: new TextEncoder().encode(text), mode };
}

async function withDir(test: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await test(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function names(dir: string): Promise<readonly string[]> {
  const found = await Array.fromAsync(Deno.readDir(dir));
  return found.map(({ name }) => name).toSorted();
}

Deno.test("writeVolumeFiles() lays files out as the kubelet does", async () => {
  await withDir(async (root) => {
    const dir = join(root, "volume");
    const files = [file("a", "1"), file("b/c/d", "2", 0o400), file("b/e", "3")];
    await writeVolumeFiles(dir, files);
    assert.equal(await Deno.readTextFile(join(dir, "a")), "1");
    assert.equal(await Deno.readTextFile(join(dir, "b/c/d")), "2");
    assert.equal(await Deno.readLink(join(dir, "a")), "..data/a");
    assert.equal(await Deno.readLink(join(dir, "b")), "..data/b");
    const data = await Deno.readLink(join(dir, "..data"));
    assert.match(data, /^\.\.\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\./);
    assert.deepEqual(await names(dir), [data, "..data", "a", "b"].toSorted());
    assert.equal(
      ((await Deno.stat(join(dir, "b/c/d"))).mode ?? 0) & 0o777,
      0o400,
    );
    assert.equal(((await Deno.stat(join(dir, data))).mode ?? 0) & 0o777, 0o755);
  });
});

Deno.test("writeVolumeFiles() writes nothing when nothing changed", async () => {
  await withDir(async (dir) => {
    await writeVolumeFiles(dir, [file("a", "1"), file("b/c", "2")]);
    const before = await Deno.readLink(join(dir, "..data"));
    await writeVolumeFiles(dir, [file("b/c", "2"), file("a", "1")]);
    assert.equal(await Deno.readLink(join(dir, "..data")), before);
    await writeVolumeFiles(dir, [file("b/c", "2"), file("a", "1", 0o600)]);
    assert.notEqual(await Deno.readLink(join(dir, "..data")), before);
  });
});

Deno.test("writeVolumeFiles() changes, adds and removes files and leaves nothing behind", async () => {
  await withDir(async (dir) => {
    await writeVolumeFiles(dir, [file("a", "1"), file("b/c", "2")]);
    // What a crash between two steps leaves.
    await Deno.mkdir(join(dir, "..2020_01_01_00_00_00.dead"));
    await Deno.symlink("nowhere", join(dir, "..data_tmp"));
    await Deno.symlink("..data/old", join(dir, "old"));
    await writeVolumeFiles(dir, [file("a/x", "3"), file("n", "4")]);
    const data = await Deno.readLink(join(dir, "..data"));
    assert.deepEqual(await names(dir), [data, "..data", "a", "n"].toSorted());
    assert.equal(await Deno.readTextFile(join(dir, "a/x")), "3");
    await writeVolumeFiles(dir, []);
    assert.equal((await names(dir)).length, 2);
  });
});

Deno.test("writeVolumeFiles() never shows a reader a mixture", async () => {
  await withDir(async (dir) => {
    const write = (i: number) =>
      writeVolumeFiles(dir, [file("a", `${i}`), file("b", `${i}`)]);
    await write(0);
    let done = false;
    const reader = (async () => {
      while (!done) {
        // What a program does that wants both: it holds the directory behind `..data`.
        const data = join(dir, await Deno.readLink(join(dir, "..data")));
        try {
          const a = await Deno.readTextFile(join(data, "a"));
          assert.equal(await Deno.readTextFile(join(data, "b")), a);
        } catch (error) {
          if (!(error instanceof Deno.errors.NotFound)) throw error;
        }
        await Deno.readTextFile(join(dir, "a")).catch((error) => {
          if (!(error instanceof Deno.errors.NotFound)) throw error;
        });
      }
    })();
    for (let i = 1; i < 50; i++) await write(i);
    done = true;
    await reader;
    assert.equal(await Deno.readTextFile(join(dir, "b")), "49");
  });
});

Deno.test("writeVolumeFiles() refuses paths that leave the volume", async () => {
  await withDir(async (root) => {
    const dir = join(root, "volume");
    const refused = [
      "../x",
      "a/../../x",
      "/x",
      "a//b",
      "",
      ".",
      "..data",
      "..x/y",
      "a/..",
      "a\0b",
    ];
    for (const path of refused) {
      await assert.rejects(writeVolumeFiles(dir, [file(path, "")]), RangeError);
    }
    assert.deepEqual(await names(root), []);
    const part = fc.constantFrom("..", ".", "", "a", "..a", "/");
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 4 }), async (parts) => {
        await writeVolumeFiles(dir, [file(parts.join("/"), "")])
          .catch((error) => assert.ok(error instanceof RangeError));
        assert.deepEqual(
          (await names(root)).filter((name) => name !== "volume"),
          [],
        );
      }),
      { numRuns: 40 },
    );
  });
});

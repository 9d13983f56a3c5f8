import assert from "node:assert/strict";
import { join } from "node:path";
import type { RuntimeError } from "../errors.ts";
import { ModuleStore, notPulled } from "./modules.ts";

async function withStore(
  test: (dir: string, store: ModuleStore) => Promise<void>,
): Promise<void> {
  const dir = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.mkdir(join(dir, "allowed"));
    const store = new ModuleStore({
      stateDir: join(dir, "state"),
      allowLocalModules: [join(dir, "allowed"), join(dir, "missing")],
    });
    await test(dir, store);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function refusedAs(reason: string, message: RegExp) {
  return (error: RuntimeError) =>
    error.reason === reason && message.test(error.message);
}

const digestOfX =
  "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

Deno.test("ModuleStore loads, lists, finds and removes modules by name", async () => {
  await withStore(async (dir, store) => {
    const file = join(dir, "x.wasm");
    await Deno.writeTextFile(file, "x");
    assert.equal(await store.find("hello"), undefined);
    const stored = await store.load("hello", file);
    assert.deepEqual(stored, {
      name: "hello:latest",
      digest: digestOfX,
      sizeBytes: 1,
    });
    await store.load("example.com:5000/team/app:V1", file);
    const found = await store.find("hello:latest");
    assert.equal(found?.imageId, digestOfX);
    assert.equal(found.programName, "hello");
    assert.equal(await Deno.readTextFile(found.path), "x");
    const other = await store.find("example.com:5000/team/app:V1");
    assert.equal(other?.programName, "app");
    assert.deepEqual((await store.list()).map(({ name }) => name), [
      "example.com:5000/team/app:V1",
      "hello:latest",
    ]);
    assert.equal(await store.remove("hello"), true);
    assert.equal(await store.remove("hello"), false);
    assert.equal(await store.find("hello"), undefined);
    assert.equal(await Deno.readTextFile(other.path), "x");
    await store.remove("example.com:5000/team/app:V1");
    await assert.rejects(Deno.stat(other.path), Deno.errors.NotFound);
    await Deno.writeTextFile(file, "y");
    await store.load("hello", file);
    assert.notEqual((await store.find("hello"))?.imageId, digestOfX);
  });
});

Deno.test("ModuleStore finds local modules only below the allowed directories", async () => {
  await withStore(async (dir, store) => {
    await Deno.writeTextFile(join(dir, "out.wasm"), "x");
    await Deno.mkdir(join(dir, "allowed-not"));
    await Deno.writeTextFile(join(dir, "allowed-not/x.wasm"), "x");
    const file = join(dir, "allowed/my app.wasm");
    await Deno.writeTextFile(file, "x");
    await Deno.symlink("../out.wasm", join(dir, "allowed/link.wasm"));
    await Deno.symlink("my app.wasm", join(dir, "allowed/inside.wasm"));
    const found = await store.find(`file://${dir}/allowed/my%20app.wasm`);
    assert.deepEqual(found, {
      path: file,
      imageId: digestOfX,
      sizeBytes: 1,
      programName: "my app.wasm",
    });
    const inside = await store.find(`file://${dir}/allowed/inside.wasm`);
    assert.equal(inside?.path, file);
    assert.equal(
      await store.find(`file://${dir}/allowed/absent.wasm`),
      undefined,
    );
    for (
      const path of [
        "out.wasm",
        "allowed",
        "allowed/link.wasm",
        "allowed/../out.wasm",
        "allowed/%2e%2e/out.wasm",
        "allowed-not/x.wasm",
        "absent.wasm",
      ]
    ) {
      await assert.rejects(
        store.find(`file://${dir}/${path}`),
        refusedAs(
          "ErrImagePull",
          /^Cannot use image "file:.*": it is not below a directory named by --allow-local-modules$/,
        ),
      );
    }
  });
});

Deno.test("ModuleStore sees that a local module changed", async () => {
  await withStore(async (dir, store) => {
    const image = `file://${dir}/allowed/x.wasm`;
    const file = join(dir, "allowed/x.wasm");
    await Deno.writeTextFile(file, "x");
    assert.equal((await store.find(image))?.imageId, digestOfX);
    assert.equal((await store.find(image))?.imageId, digestOfX);
    await Deno.writeTextFile(file, "longer");
    assert.notEqual((await store.find(image))?.imageId, digestOfX);
  });
});

Deno.test("ModuleStore refuses what is no image name", async () => {
  await withStore(async (_, store) => {
    for (
      const image of [
        "",
        "UPPER",
        "a b",
        "../x",
        "a//b",
        "x:",
        "https://x/y",
        "file://other-host/x.wasm",
        `x@sha256:12`,
        "x".repeat(300),
      ]
    ) {
      await assert.rejects(
        store.find(image),
        refusedAs("InvalidImageName", /^Cannot use image/),
        image,
      );
    }
  });
});

Deno.test("notPulled() says how to have the module", () => {
  const { reason, message } = notPulled("hello");
  assert.equal(reason, "ErrImagePull");
  assert.match(message, /use "farlet image load hello FILE"/);
  assert.match(notPulled("file:///x.wasm").message, /there is no such file/);
});

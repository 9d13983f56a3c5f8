import assert from "node:assert/strict";
import { join } from "node:path";
import type { RuntimeError } from "../errors.ts";
import { parseImageName } from "../image_name.ts";
import { ModuleStore, notPresent } from "./modules.ts";

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

async function pathOf(
  store: ModuleStore,
  image: string,
): Promise<string | undefined> {
  const found = await store.find(image);
  return found?.kind === "module" ? found.path : undefined;
}

/** As if what is there had been there for an hour. */
async function age(path: string): Promise<void> {
  const before = new Date(Date.now() - 3600_000);
  await Deno.utime(path, before, before);
}

const options = { signal: new AbortController().signal };
const digestOfX =
  "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

Deno.test("ModuleStore loads, lists, finds and removes modules by name", async () => {
  await withStore(async (dir, store) => {
    const file = join(dir, "x.wasm");
    await Deno.writeTextFile(file, "x");
    assert.equal(await store.find("hello"), undefined);
    const stored = await store.load("hello", file, options);
    assert.deepEqual(stored, {
      name: "hello:latest",
      digest: digestOfX,
      sizeBytes: 1,
    });
    await store.load("example.com:5000/team/app:V1", file, options);
    const found = await store.find("hello:latest");
    assert.equal(found?.imageId, digestOfX);
    assert.equal(found.programName, "hello");
    const path = await pathOf(store, "hello") ?? "";
    assert.equal(await Deno.readTextFile(path), "x");
    const other = await store.find("example.com:5000/team/app:V1");
    assert.equal(other?.programName, "app");
    assert.deepEqual((await store.list()).map(({ name }) => name), [
      "example.com:5000/team/app:V1",
      "hello:latest",
    ]);
    assert.equal(await store.remove("hello"), true);
    assert.equal(await store.remove("hello"), false);
    assert.equal(await store.find("hello"), undefined);
    assert.equal(await store.sweep(new Set()), 0);
    await store.remove("example.com:5000/team/app:V1");
    assert.equal(await store.sweep(new Set()), 0, "swept what just came");
    await age(path);
    assert.equal(await store.sweep(new Set([digestOfX])), 0, "swept the used");
    assert.equal(await Deno.readTextFile(path), "x");
    assert.equal(await store.sweep(new Set()), 1);
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
    await Deno.writeTextFile(file, "y");
    await store.load("hello", file, options);
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
      kind: "module",
      path: file,
      imageId: digestOfX,
      sizeBytes: 1,
      programName: "my app.wasm",
    });
    const inside = await store.find(`file://${dir}/allowed/inside.wasm`);
    assert.equal(inside?.kind === "module" && inside.path, file);
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

Deno.test("ModuleStore misses a file below an allowed directory that is a link", async () => {
  await withStore(async (dir) => {
    await Deno.symlink("allowed", join(dir, "link"));
    const store = new ModuleStore({
      stateDir: join(dir, "state"),
      allowLocalModules: [join(dir, "link")],
    });
    const found = await store.find(`file://${dir}/link/absent.wasm`);
    assert.equal(found, undefined);
  });
});

Deno.test("ModuleStore gives one content several names at once", async () => {
  await withStore(async (_dir, store) => {
    const name = parseImageName(`app@${digestOfX}`);
    const content = { digest: digestOfX, sizeBytes: 1 };
    const writes = Array.from({ length: 8 }, () => store.put(name, content));
    await Promise.all(writes);
    assert.equal((await store.list()).length, 1);
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
    const images = ["", "UPPER", "a b", "../x", "a//b", "x:", "https://x/y"];
    for (const image of [...images, `x@sha256:12`, "x".repeat(300)]) {
      await assert.rejects(
        store.find(image),
        refusedAs("InvalidImageName", /couldn't parse image name/),
        image,
      );
    }
    await assert.rejects(
      store.find("file://other-host/x.wasm"),
      refusedAs("InvalidImageName", /^Cannot use image/),
    );
    await assert.rejects(
      store.load(`x@${digestOfX}`, "x.wasm", options),
      refusedAs("InvalidImageName", /only a registry gives names/),
    );
  });
});

Deno.test("ModuleStore knows a name by all ways to write it", async () => {
  await withStore(async (dir, store) => {
    const file = join(dir, "x.wasm");
    await Deno.writeTextFile(file, "x");
    await store.load("docker.io/library/hello", file, options);
    for (const image of ["hello", "hello:latest", "index.docker.io/hello"]) {
      assert.equal((await store.find(image))?.imageId, digestOfX, image);
    }
  });
});

Deno.test("ModuleStore keeps a pulled image by its digest when its tag moves on", async () => {
  await withStore(async (_, store) => {
    const name = parseImageName("example.com/app:1");
    const digest = `sha256:${"a".repeat(64)}`;
    const imageId = `example.com/app@${digest}`;
    const stored = {
      digest: digestOfX,
      sizeBytes: 1,
      pulled: { imageId, at: new Date().toISOString() },
    };
    await store.content.addModule(
      digestOfX,
      (path) => Deno.writeTextFile(path, "x"),
      options,
    );
    await store.put(parseImageName(imageId), stored);
    await store.put(name, stored);
    assert.equal((await store.find("example.com/app:1"))?.imageId, imageId);
    assert.equal(
      await store.remove("example.com/app:1", new Set([imageId])),
      true,
    );
    assert.equal((await store.find(imageId))?.imageId, imageId, "it is used");
    await store.put(name, stored);
    await store.remove("example.com/app:1");
    assert.equal(await store.find(imageId), undefined);
    assert.deepEqual(await store.list(), []);
  });
});

Deno.test("notPresent() says what is missing", () => {
  const { reason, message } = notPresent("hello");
  assert.equal(reason, "ErrImagePull");
  assert.match(message, /no longer in the image store/);
  assert.match(notPresent("file:///x.wasm").message, /there is no such file/);
});

import assert from "node:assert/strict";
import type { AbortOptions } from "../../async/abort.ts";
import { execute } from "./pause/test_pause.ts";
import {
  pauseArchitecture,
  PauseImage,
  pauseImage,
  pauseRepository,
} from "./pause_image.ts";

const { signal } = new AbortController();

/** An engine that keeps names of images, and knows what it was asked. */
class FakeEngine {
  readonly info = { arch: "x86_64" };
  readonly images = new Set<string>();
  readonly asked: string[] = [];
  /** What the next load fails with. */
  failure: Error | undefined;

  inspectImage(name: string): Promise<object | undefined> {
    this.asked.push("inspect");
    return Promise.resolve(this.images.has(name) ? {} : undefined);
  }

  async loadImage(
    archive: ReadableStream<Uint8Array>,
    { signal }: AbortOptions,
  ): Promise<void> {
    this.asked.push("load");
    signal.throwIfAborted();
    await new Response(archive).bytes();
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
    this.images.add(pauseImage("amd64").name);
  }
}

Deno.test("pauseImage() is the same each time, and another for each architecture", () => {
  const images = (["amd64", "arm", "arm64", "riscv64"] as const).map(
    pauseImage,
  );
  assert.equal(new Set(images.map(({ name }) => name)).size, 4);
  for (const { name } of images) {
    assert.match(name, /^localhost\/farlet-pause:[0-9a-f]{16}$/);
    assert.ok(name.startsWith(`${pauseRepository}:`));
  }
  assert.deepEqual(pauseImage("arm"), pauseImage("arm"));
});

Deno.test("pauseImage() is an archive with the program in its only layer", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const { archive, name } = pauseImage("arm64");
    await Deno.writeFile(`${dir}/image.tar`, archive);
    await execute(["tar", "xf", `${dir}/image.tar`, "-C", dir]);
    const manifest = await Deno.readTextFile(`${dir}/manifest.json`);
    const [{ Config, RepoTags, Layers }] = JSON.parse(manifest);
    assert.deepEqual(RepoTags, [name]);
    const config = JSON.parse(await Deno.readTextFile(`${dir}/${Config}`));
    assert.equal(config.architecture, "arm64");
    const layer = `${dir}/${Layers[0]}`;
    const hash = (await execute(["sha256sum", layer])).slice(0, 64);
    assert.deepEqual(config.rootfs.diff_ids, [`sha256:${hash}`]);
    const listing = await execute(["tar", "tvf", layer]);
    assert.match(listing, /^-rwxr-xr-x 0\/0 +\d+ 1970.* pause\n$/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("pauseArchitecture() knows what engines and uname call them", () => {
  const names = ["x86_64", "aarch64", "armv6l", "armv7l", "arm", "riscv64"];
  assert.deepEqual(names.map(pauseArchitecture), [
    "amd64",
    "arm64",
    "arm",
    "arm",
    "arm",
    "riscv64",
  ]);
  assert.throws(() => pauseArchitecture("ppc64le"), /pods on "ppc64le"/);
});

Deno.test("PauseImage.ensure() loads the image once, for all who ask at once", async () => {
  const engine = new FakeEngine();
  const image = new PauseImage(engine);
  const names = await Promise.all(
    Array.from({ length: 5 }, () => image.ensure({ signal })),
  );
  assert.deepEqual(new Set(names), engine.images);
  await image.ensure({ signal });
  assert.deepEqual(engine.asked, ["inspect", "load", "inspect"]);
});

Deno.test("PauseImage.ensure() loads nothing that the engine has", async () => {
  const engine = new FakeEngine();
  engine.images.add(pauseImage("amd64").name);
  await new PauseImage(engine).ensure({ signal });
  assert.deepEqual(engine.asked, ["inspect"]);
});

Deno.test("PauseImage.ensure() loads again after forget(), if the image is gone", async () => {
  const engine = new FakeEngine();
  const image = new PauseImage(engine);
  await image.ensure({ signal });
  engine.images.clear();
  image.forget();
  assert.ok(engine.images.size === 0);
  await image.ensure({ signal });
  assert.equal(engine.images.size, 1);
});

Deno.test("PauseImage.ensure() tries again after a failure", async () => {
  const engine = new FakeEngine();
  engine.failure = new Error("no space left on device");
  const image = new PauseImage(engine);
  await assert.rejects(image.ensure({ signal }), /no space left/);
  assert.match(await image.ensure({ signal }), /farlet-pause/);
});

Deno.test("PauseImage.ensure() is not ended for others by one who gives up", async () => {
  const engine = new FakeEngine();
  const image = new PauseImage(engine);
  const impatient = new AbortController();
  const given = image.ensure(impatient);
  const other = image.ensure({ signal });
  impatient.abort(new Error("enough"));
  await assert.rejects(given, /enough/);
  assert.match(await other, /farlet-pause/);
});

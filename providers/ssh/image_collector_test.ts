import assert from "node:assert/strict";
import FakeTimers from "@sinonjs/fake-timers";
import type { ContainerSummary, ImageSummary } from "./engine/api_types.ts";
import { EngineError } from "./engine/engine_error.ts";
import { ImageCollector } from "./image_collector.ts";
import { at, run } from "./test_records.ts";

const { signal } = new AbortController();

/** A host whose disk is full of images. */
class Stage {
  readonly collector: ImageCollector;
  readonly removed: string[] = [];
  images: ImageSummary[] = [];
  used: string[] = [];
  /** Of a disk of 100 GB, in GB. */
  free = 10;

  constructor() {
    const engine = {
      info: { storageDir: "/var/lib/engine" } as never,
      listImages: () => Promise.resolve(this.images),
      listContainers: () =>
        Promise.resolve(
          this.used.map((ImageID): ContainerSummary => ({
            ...summary(ImageID),
            ImageID,
          })),
        ),
      removeImage: (name: string) => this.remove(name),
    };
    const host = {
      name: "host",
      run: () =>
        Promise.resolve({
          code: 0,
          stdout: `${1e8} ${this.free * 1e6}\n`,
          stderr: "",
        }),
    };
    this.collector = new ImageCollector({
      host: host as never,
      engine: () => engine,
      inventory: { all: () => Promise.resolve([run({ imageId: "run" })]) },
    });
  }

  remove(name: string): Promise<void> {
    this.removed.push(name);
    return Promise.resolve();
  }

  async collect(): Promise<readonly string[]> {
    await this.collector.collect({ signal });
    return this.removed.splice(0);
  }
}

function summary(Id: string) {
  const nothing = {
    Names: undefined,
    Image: undefined,
    State: undefined,
    Created: 0,
    Labels: {},
  };
  return { Id, ...nothing };
}

function image(Id: string, names: readonly string[] = []): ImageSummary {
  return {
    Id,
    RepoTags: [...names],
    RepoDigests: [`repo@${Id}`],
    Size: 4e9,
    Created: 0,
    Containers: 0,
    Labels: {},
  };
}

Deno.test("ImageCollector removes what pods had, by all of its names, and nothing else", async () => {
  using clock = fakeClock();
  const stage = new Stage();
  stage.images = [
    image("old", ["a:1", "a:2"]),
    image("nameless"),
    image("owner's"),
    image("run"),
    image("used"),
  ];
  stage.used = ["run", "used"];
  for (const id of ["old", "repo@nameless", "used"]) stage.collector.use(id);
  assert.deepEqual(await stage.collect(), []);
  clock.tick(130_000);
  stage.collector.use("repo@nameless");
  assert.deepEqual(await stage.collect(), ["a:1", "a:2", "nameless"]);
});

Deno.test("ImageCollector removes nothing while there is room", async () => {
  using clock = fakeClock();
  const stage = new Stage();
  stage.images = [image("old", ["a:1"])];
  stage.collector.use("old");
  clock.tick(130_000);
  stage.free = 20;
  assert.deepEqual(await stage.collect(), []);
});

Deno.test("ImageCollector removes all that pods had and nobody uses when asked, whatever room there is", async () => {
  using clock = fakeClock();
  const stage = new Stage();
  stage.images = [
    image("old", ["a:1"]),
    image("used", ["b:1"]),
    image("owner's", ["c:1"]),
  ];
  stage.used = ["used"];
  for (const id of ["old", "used"]) stage.collector.use(id);
  clock.tick(130_000);
  stage.free = 90;
  const { signal } = new AbortController();
  await stage.collector.collect({ signal, allUnused: true });
  assert.deepEqual(await stage.collect(), ["a:1"]);
});

Deno.test("ImageCollector goes on where the engine keeps an image", async () => {
  using clock = fakeClock();
  const stage = new Stage();
  stage.images = [image("old", ["a:1"]), image("older", ["b:1"])];
  stage.collector.use("old");
  stage.collector.use("older");
  clock.tick(130_000);
  const remove = stage.remove.bind(stage);
  stage.remove = (name) =>
    name === "a:1"
      ? Promise.reject(
        new EngineError("Cannot remove image", {
          status: 409,
          engineMessage: "in use",
        }),
      )
      : remove(name);
  assert.deepEqual(await stage.collect(), ["b:1"]);
});

function fakeClock() {
  const clock = FakeTimers.install({
    now: at("10:00:00"),
    toFake: ["Date"],
  });
  return {
    tick: (ms: number) => clock.tick(ms),
    [Symbol.dispose]: () => clock.uninstall(),
  };
}

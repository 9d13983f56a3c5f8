import assert from "node:assert/strict";
import type { CreateBody } from "./create_body.ts";
import { imageMounting, ImageVolumes } from "./image_volumes.ts";
import { run, sandbox } from "./test_records.ts";

const { signal } = new AbortController();
const volume = { name: "data", image: "data:1", imageId: "sha256:22" };
const mount = { volume: "data", mountPath: "/data", readOnly: true };

const engines: readonly (readonly [
  kind: "docker" | "podman",
  apiVersion: string,
  rootless: boolean,
  mounts: boolean,
  want: string,
])[] = [
  ["docker", "1.47", false, true, "none"],
  ["docker", "1.48", false, true, "paths"],
  ["docker", "1.48", true, false, "paths"],
  ["podman", "1.41", false, true, "paths"],
  ["podman", "1.41", false, false, "images"],
  ["podman", "1.41", true, false, "images"],
];
for (const [kind, apiVersion, rootless, mounts, want] of engines) {
  const which = `${rootless ? "rootless " : ""}${kind}, API ${apiVersion}`;
  Deno.test(`imageMounting() of ${which}, ${mounts ? "" : "not "}mounting itself: ${want}`, () => {
    assert.equal(imageMounting({ kind, apiVersion, rootless }, mounts), want);
  });
}

/** The images of a pod with a sandbox, and what was done for them. */
function stage(kind: "docker" | "podman", records = [sandbox()]) {
  const made: string[] = [];
  const engine = {
    info: { kind, apiVersion: "1.48", rootless: false },
    createContainer: (name: string, body: CreateBody) => {
      made.push(`${name} of ${body.Image}`);
      return Promise.resolve("keeper");
    },
    mountContainer: (id: string) => Promise.resolve(`/storage/${id}`),
  };
  const inventory = {
    pod: () => Promise.resolve(records),
    inspect: () => Promise.resolve(undefined),
  };
  const files = {
    layout: () => Promise.resolve({ mounts: true }),
    setImageVolume: (_: string, { name, source }: Record<string, string>) => {
      made.push(`${name} from ${source}`);
      return Promise.resolve();
    },
  };
  const volumes = new ImageVolumes({
    node: "n1",
    engine: () => engine as never,
    inventory: inventory as never,
    files: files as never,
  });
  return { volumes, made };
}

const keeper = run({
  kind: "volume",
  container: "data",
  id: "keeper",
  imageId: "sha256:22",
  sandbox: "",
  state: { kind: "created", error: "" },
});

Deno.test("ImageVolumes keeps an image with Podman, and mounts it on the host", async () => {
  const { volumes, made } = stage("podman");
  await volumes.set("uid-1", volume, { signal });
  assert.deepEqual(made, [
    "farlet_uid-1_volume.data_0 of sha256:22",
    "data from /storage/keeper",
  ]);
  const records = [sandbox(), keeper];
  const mounts = await volumes.engineMounts([mount], records, { signal });
  assert.equal(mounts.size, 0);
});

Deno.test("ImageVolumes takes over what keeps the image already", async () => {
  const { volumes, made } = stage("podman", [sandbox(), keeper]);
  await volumes.set("uid-1", volume, { signal });
  assert.deepEqual(made, ["data from /storage/keeper"]);
});

Deno.test("ImageVolumes lets Docker mount the image for each container", async () => {
  const { volumes, made } = stage("docker");
  await volumes.set("uid-1", volume, { signal });
  assert.deepEqual(made, ["farlet_uid-1_volume.data_0 of sha256:22"]);
  const part = { ...mount, mountPath: "/part", subPath: "etc" };
  const other = { ...mount, volume: "other" };
  const mounts = await volumes.engineMounts([mount, part, other], [keeper], {
    signal,
  });
  const whole = { Type: "image", Source: "sha256:22", Target: "/data" };
  assert.deepEqual([...mounts.values()], [
    whole,
    { ...whole, Target: "/part", ImageOptions: { Subpath: "etc" } },
  ]);
});

Deno.test("ImageVolumes says what it cannot mount, in the words of runtimes", async () => {
  const { volumes } = stage("podman", []);
  await assert.rejects(volumes.set("uid-1", volume, { signal }), {
    name: "RuntimeError",
    reason: "CreateContainerError",
    message:
      'ImageVolumeMountFailed: cannot mount image "data:1" as volume "data": its pod has no sandbox',
  });
});

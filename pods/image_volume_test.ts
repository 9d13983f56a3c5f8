import assert from "node:assert/strict";
import { TaskGroup } from "../async/task_group.ts";
import type { Pod, PodStatus, Volume } from "../k8s/types.ts";
import type { ImageVolume } from "../providers/container_spec.ts";
import { RuntimeError } from "../providers/errors.ts";
import { ProgramRuntime } from "../providers/program_runtime.ts";
import { imageVolumeRefusals, wantedImage } from "./image_volume.ts";
import { testEngine, untilStopped } from "./test_engine.ts";

function volume(name: string, image: object): Volume {
  return { name, image } as Volume;
}

Deno.test("wantedImage() fills in the pull policy as for a container", () => {
  const policy = (image: object) => wantedImage(volume("v", image))?.pullPolicy;
  assert.equal(policy({ reference: "a" }), "Always");
  assert.equal(policy({ reference: "a:1" }), "IfNotPresent");
  assert.equal(policy({ reference: "a:1", pullPolicy: "Never" }), "Never");
  assert.equal(wantedImage({ name: "v", emptyDir: {} }), undefined);
});

Deno.test("imageVolumeRefusals() names each image that is a volume", () => {
  const volumes = [{ name: "a", emptyDir: {} }, volume("b", {})];
  const refused = imageVolumeRefusals({ spec: { containers: [], volumes } });
  assert.deepEqual(refused.map(({ field }) => field), [
    "spec.volumes[1].image",
  ]);
});

/** A runtime that has one image, and takes it for a volume. */
class MountingRuntime extends ProgramRuntime {
  readonly mounted: ImageVolume[] = [];
  here = new Set(["app:1"]);

  override findImage(image: string) {
    const here = this.here.has(image);
    return Promise.resolve(here ? { imageId: `id of ${image}` } : undefined);
  }

  override pullImage(image: string) {
    if (!image.startsWith("data:")) {
      return Promise.reject(new RuntimeError("ErrImagePull", "no such image"));
    }
    this.here.add(image);
    return Promise.resolve({ imageId: `id of ${image}` });
  }

  setImageVolume(_: string, volume: ImageVolume): Promise<void> {
    this.mounted.push(volume);
    return Promise.resolve();
  }
}

Deno.test("PodEngine pulls the images that a container mounts before its own, and says of which it waits", async () => {
  const mounts = (name: string) => ({
    image: "app:1",
    volumeMounts: [{ name, mountPath: "/v" }],
  });
  const pod: Pod = {
    metadata: { uid: "u1", namespace: "default", name: "busy" },
    spec: {
      containers: [
        { name: "app", ...mounts("data") },
        { name: "waits", ...mounts("none") },
      ],
      volumes: [
        volume("data", { reference: "data:1" }),
        volume("none", { reference: "none:1" }),
        volume("unused", { reference: "data:2" }),
      ],
    },
  };
  const events: string[] = [];
  await using runtime = new MountingRuntime({
    run: untilStopped,
  });
  const engine = testEngine(runtime, {
    events: {
      record: ({ fieldPath = "pod" }, { reason, message }) =>
        void events.push(`${fieldPath} ${reason}: ${message}`),
    },
  });
  const signal = AbortSignal.timeout(10_000);
  await using group = new TaskGroup(new AbortController().signal);
  group.spawn((signal) => engine.run({ signal }));
  await engine.createPod(pod, { signal });
  const states = (status: PodStatus | undefined) =>
    status?.containerStatuses?.map(({ state }) =>
      state?.running ? "running" : state?.waiting
    );
  const wanted = [
    "running",
    {
      reason: "ImagePullBackOff",
      message: 'Back-off pulling image "none:1": ErrImagePull: no such image',
    },
  ];
  for (;;) {
    const now = states(await engine.getPodStatus("u1", { signal }));
    if (JSON.stringify(now) === JSON.stringify(wanted)) break;
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.deepEqual(runtime.mounted, [
    { name: "data", image: "data:1", imageId: "id of data:1" },
  ]);
  assert.deepEqual(
    events.filter((event) => !/Pulled|Created|Started/.test(event)),
    [
      'pod Pulling: Pulling image "data:1"',
      'pod Pulling: Pulling image "none:1"',
      'pod Failed: Failed to pull image "none:1": no such image',
      "spec.containers{waits} Failed: Error: ErrImagePull",
      'spec.containers{waits} BackOff: Back-off pulling image "none:1"',
      "spec.containers{waits} Failed: Error: ImagePullBackOff",
    ],
  );
});

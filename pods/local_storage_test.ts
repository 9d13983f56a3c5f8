import assert from "node:assert/strict";
import type { Pod } from "../k8s/types.ts";
import type { RuntimeStats } from "../providers/samples.ts";
import { hasStorageLimit, storageExcess } from "./local_storage.ts";
import { usageByPod } from "./local_usage.ts";

const at = new Date(1_000_000);

/** In bytes. */
interface Used {
  readonly data?: number;
  readonly rootfs?: number;
  readonly logs?: number;
  /** How long ago it was measured, in milliseconds. */
  readonly age?: number;
}

function stats({ data, rootfs = 0, logs = 0, age = 0 }: Used): RuntimeStats {
  const measured = new Date(at.getTime() - age);
  return {
    containers: [{
      podUid: "uid",
      container: "main",
      at: measured,
      startedAt: new Date(0),
      cpuNanos: 0,
      memoryBytes: 0,
      rootfsBytes: rootfs,
      logBytes: logs,
    }],
    volumes: data === undefined ? [] : [{
      podUid: "uid",
      volume: "data",
      at: measured,
      usedBytes: data,
    }],
  };
}

function pod(spec: Partial<NonNullable<Pod["spec"]>>): Pod {
  return {
    metadata: { uid: "uid", name: "a" },
    spec: { containers: [{ name: "main" }], ...spec },
  };
}

const sized = pod({
  volumes: [{ name: "data", emptyDir: { sizeLimit: "1Mi" } }],
});
const limited = pod({
  containers: [
    {
      name: "main",
      resources: { limits: { "ephemeral-storage": "1Mi" } },
    },
    { name: "other", resources: { limits: { "ephemeral-storage": "9Mi" } } },
  ],
  volumes: [{ name: "data", emptyDir: {} }],
});
const inMemory = pod({
  containers: limited.spec?.containers ?? [],
  volumes: [{ name: "data", emptyDir: { medium: "Memory" } }],
});
const mib = 2 ** 20;

const cases: readonly [name: string, Pod, Used, string | undefined][] = [
  ["nothing of a volume that is just full", sized, { data: mib }, undefined],
  [
    "a volume beyond its limit",
    sized,
    { data: mib + 1 },
    'Usage of EmptyDir volume "data" exceeds the limit "1Mi". ',
  ],
  ["nothing of a volume that was not measured", sized, {}, undefined],
  [
    "nothing in what was measured long ago",
    sized,
    { data: 9 * mib, age: 200_000 },
    undefined,
  ],
  [
    "a container whose files and log are too much together",
    limited,
    { rootfs: mib / 2, logs: mib / 2 + 1 },
    'Container main exceeded its local ephemeral storage limit "1Mi". ',
  ],
  [
    "no fault of a container's in what its volumes hold",
    limited,
    { rootfs: mib, data: 8 * mib },
    undefined,
  ],
  [
    "a pod whose containers and volumes are too much together",
    limited,
    { rootfs: mib, data: 9 * mib + 1 },
    "Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. ",
  ],
  [
    "nothing on the disk in volumes in memory",
    inMemory,
    { data: 99 * mib },
    undefined,
  ],
  [
    "nothing where nothing is limited",
    pod({ volumes: [{ name: "data", emptyDir: {} }] }),
    { data: 99 * mib, rootfs: 99 * mib },
    undefined,
  ],
];
for (const [name, pod, used, want] of cases) {
  Deno.test(`storageExcess() finds ${name}`, () => {
    const usage = usageByPod(stats(used), at).get("uid");
    const found = usage &&
      storageExcess(pod, usage, { dedicatedImages: false });
    assert.equal(found, want);
  });
}

Deno.test("storageExcess() leaves out of a container what is on another disk, as the kubelet does", () => {
  const usage = usageByPod(stats({ rootfs: 2 * mib }), at).get("uid");
  assert.ok(usage);
  const options = { dedicatedImages: true };
  assert.equal(storageExcess(limited, usage, options), undefined);
});

Deno.test("hasStorageLimit() is true of sized volumes and limited containers only", () => {
  assert.deepEqual(
    [sized, limited, pod({}), pod({ volumes: [{ name: "a", emptyDir: {} }] })]
      .map(hasStorageLimit),
    [true, true, false, false],
  );
});

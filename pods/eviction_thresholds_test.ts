import assert from "node:assert/strict";
import type { NodeSample } from "../providers/provider.ts";
import {
  crossedThresholds,
  defaultEviction,
  type EvictionThreshold,
  signalReadings,
} from "./eviction_thresholds.ts";

const gib = 2 ** 30;

const healthy: NodeSample = {
  at: new Date(1_000),
  startedAt: new Date(0),
  cpuNanos: 0,
  memoryBytes: 3 * gib,
  memoryAvailableBytes: gib,
  filesystem: {
    capacityBytes: 100 * gib,
    availableBytes: 40 * gib,
    usedBytes: 60 * gib,
    inodes: 1_000,
    inodesFree: 900,
  },
  imageFilesystem: {
    capacityBytes: 100 * gib,
    availableBytes: 40 * gib,
    usedBytes: 60 * gib,
    dedicated: false,
  },
  processes: { running: 300, max: 1_000 },
};

function crossed(change: Partial<NodeSample>): readonly string[] {
  const readings = signalReadings({ ...healthy, ...change });
  return crossedThresholds(defaultEviction.thresholds, readings)
    .map(({ signal }) => signal);
}

const disk = healthy.filesystem ??
  { capacityBytes: 0, availableBytes: 0, usedBytes: 0 };

const cases: readonly [
  name: string,
  change: Partial<NodeSample>,
  want: readonly string[],
][] = [
  ["nothing of a node with room", {}, []],
  [
    "memory below 100Mi",
    { memoryAvailableBytes: 100 * 2 ** 20 - 1 },
    ["memory.available"],
  ],
  ["not memory of exactly 100Mi", { memoryAvailableBytes: 100 * 2 ** 20 }, []],
  [
    "a disk with less than a tenth free",
    { filesystem: { ...disk, availableBytes: 10 * gib - 1 } },
    ["nodefs.available"],
  ],
  [
    "a disk with few inodes",
    { filesystem: { ...disk, inodesFree: 49 } },
    ["nodefs.inodesFree"],
  ],
  [
    "a disk of images with less than 15 % free",
    {
      imageFilesystem: {
        ...disk,
        availableBytes: 15 * gib - 1,
        dedicated: true,
      },
    },
    ["imagefs.available"],
  ],
  [
    "nothing of a disk of size 0, which nobody could read",
    { filesystem: { capacityBytes: 0, availableBytes: 0, usedBytes: 0 } },
    [],
  ],
  [
    "nothing of a disk with more free than it has",
    { filesystem: { ...disk, availableBytes: 200 * gib, inodesFree: -5 } },
    [],
  ],
];
for (const [name, change, want] of cases) {
  Deno.test(`crossedThresholds() finds ${name}`, () => {
    assert.deepEqual(crossed(change), want);
  });
}

Deno.test("signalReadings() has no signal that the sample says nothing of", () => {
  const { at, startedAt, cpuNanos, memoryBytes } = healthy;
  const readings = signalReadings({ at, startedAt, cpuNanos, memoryBytes });
  assert.deepEqual([...readings], []);
  assert.deepEqual(signalReadings(healthy).get("pid.available"), {
    available: 700,
    capacity: 1_000,
  });
});

Deno.test("crossedThresholds() asks for more once something must be reclaimed", () => {
  const threshold: EvictionThreshold = {
    signal: "nodefs.available",
    amount: { kind: "quantity", amount: 30 * gib },
    graceMs: 0,
    minimumReclaim: { kind: "share", share: 0.2 },
  };
  const readings = signalReadings(healthy);
  const withReclaim = { withReclaim: true };
  assert.equal(crossedThresholds([threshold], readings).length, 0);
  assert.equal(crossedThresholds([threshold], readings, withReclaim).length, 1);
});

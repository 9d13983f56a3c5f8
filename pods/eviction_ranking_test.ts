import assert from "node:assert/strict";
import type { Pod } from "../k8s/types.ts";
import type { ContainerSample } from "../providers/samples.ts";
import {
  type Candidate,
  evictionMessage,
  rankCandidates,
} from "./eviction_ranking.ts";
import type {
  EvictionSignal,
  EvictionThreshold,
} from "./eviction_thresholds.ts";

const mib = 2 ** 20;

interface Case {
  readonly name: string;
  readonly priority?: number;
  /** In mebibytes. */
  readonly request?: number;
  readonly memory?: number;
  readonly rootfs?: number;
  readonly logs?: number;
  readonly volume?: number;
}

function candidate(
  { name, priority, request, memory = 0, rootfs = 0, logs = 0, volume = 0 }:
    Case,
): Candidate {
  const amounts = request === undefined
    ? {}
    : { memory: `${request}Mi`, "ephemeral-storage": `${request}Mi` };
  const pod: Pod = {
    metadata: { name, uid: name },
    spec: {
      ...(priority === undefined ? {} : { priority }),
      containers: [{ name: "main", resources: { requests: amounts } }],
      volumes: [{ name: "data", emptyDir: {} }],
    },
  };
  const at = new Date(0);
  const sample: ContainerSample = {
    podUid: name,
    container: "main",
    at,
    startedAt: at,
    cpuNanos: 0,
    memoryBytes: memory * mib,
    rootfsBytes: rootfs * mib,
    logBytes: logs * mib,
  };
  const data = {
    podUid: name,
    volume: "data",
    at,
    usedBytes: volume * mib,
    inodesUsed: volume,
  };
  return {
    pod,
    usage: { containers: [sample], volumes: new Map([["data", data]]) },
  };
}

const cases: readonly [
  name: string,
  signal: EvictionSignal,
  pods: readonly Case[],
  want: string,
  dedicatedImages?: boolean,
][] = [
  [
    "who uses more memory than asked for first, whatever its priority",
    "memory.available",
    [
      { name: "modest", priority: 0, request: 100, memory: 90 },
      { name: "greedy", priority: 1_000, request: 10, memory: 11 },
    ],
    "greedy modest",
  ],
  [
    "the lower priority first among those that use too much",
    "memory.available",
    [
      { name: "high", priority: 10, memory: 500 },
      { name: "low", priority: -10, memory: 1 },
      { name: "none", memory: 1 },
    ],
    "low none high",
  ],
  [
    "who is furthest beyond its request first",
    "memory.available",
    [
      { name: "a", request: 900, memory: 1_000 },
      { name: "b", request: 100, memory: 300 },
      { name: "c", request: 10, memory: 20 },
    ],
    "b a c",
  ],
  [
    "logs, volumes and containers on one disk together",
    "nodefs.available",
    [
      { name: "logs", logs: 30 },
      { name: "volume", volume: 50 },
      { name: "rootfs", rootfs: 70 },
    ],
    "rootfs volume logs",
  ],
  [
    "what is on the disk with the images only, where it has one",
    "imagefs.available",
    [{ name: "volume", volume: 50 }, { name: "rootfs", rootfs: 20 }],
    "rootfs volume",
    true,
  ],
  [
    "what is not on the disk with the images only, where it has one",
    "nodefs.available",
    [{ name: "rootfs", rootfs: 70 }, { name: "volume", volume: 50 }],
    "volume rootfs",
    true,
  ],
  [
    "many files first",
    "nodefs.inodesFree",
    [{ name: "few", volume: 5 }, { name: "many", volume: 500 }],
    "many few",
  ],
  [
    "only the priority for processes",
    "pid.available",
    [{ name: "high", priority: 1, memory: 9 }, { name: "low" }],
    "low high",
  ],
];
for (const [name, signal, pods, want, dedicatedImages = false] of cases) {
  Deno.test(`rankCandidates() counts ${name}`, () => {
    const ranked = rankCandidates(pods.map(candidate), signal, {
      dedicatedImages,
    });
    const names = ranked.map(({ pod }) => pod.metadata?.name);
    assert.equal(names.join(" "), want);
  });
}

Deno.test("evictionMessage() says what was short, and who used more than asked for", () => {
  const threshold: EvictionThreshold = {
    signal: "memory.available",
    amount: { kind: "quantity", amount: 100 * mib },
    graceMs: 0,
  };
  const readings = new Map([
    ["memory.available" as const, {
      available: 51_200 * 1024,
      capacity: 1024 * mib,
    }],
  ]);
  const pod = candidate({ name: "a", request: 10, memory: 300 });
  assert.equal(
    evictionMessage(pod, threshold, [threshold], readings),
    "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. Container main was using 300Mi, request is 10Mi, has larger consumption of memory. ",
  );
});

Deno.test("evictionMessage() blames nobody who stays within its request", () => {
  const threshold: EvictionThreshold = {
    signal: "nodefs.inodesFree",
    amount: { kind: "share", share: 0.05 },
    graceMs: 0,
  };
  const readings = new Map([
    ["nodefs.inodesFree" as const, { available: 7, capacity: 1_000 }],
  ]);
  assert.equal(
    evictionMessage(
      candidate({ name: "a", rootfs: 3 }),
      threshold,
      [threshold],
      readings,
    ),
    "The node was low on resource: inodes. Threshold quantity: 50, available: 7. ",
  );
});

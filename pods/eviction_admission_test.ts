import assert from "node:assert/strict";
import type { Pod } from "../k8s/types.ts";
import { pressureRefusal } from "./eviction_admission.ts";
import type { NodePressure } from "./node_pressure.ts";

const bestEffort: Pod = { spec: { containers: [{ name: "a" }] } };
const burstable: Pod = {
  spec: {
    containers: [{ name: "a", resources: { requests: { memory: "1Mi" } } }],
  },
};
const tolerant: Pod = {
  spec: {
    containers: [{ name: "a" }],
    tolerations: [{
      key: "node.kubernetes.io/memory-pressure",
      operator: "Exists",
    }],
  },
};
const critical: Pod = {
  spec: { containers: [{ name: "a" }], priority: 2_000_000_000 },
};

const cases: readonly [
  name: string,
  Pod,
  readonly NodePressure[],
  string | undefined,
][] = [
  ["takes every pod without pressure", bestEffort, [], undefined],
  [
    "refuses best effort for want of memory",
    bestEffort,
    ["MemoryPressure"],
    "The node had condition: [MemoryPressure]. ",
  ],
  [
    "takes who asked for memory in spite of that",
    burstable,
    ["MemoryPressure"],
    undefined,
  ],
  ["takes who tolerates that", tolerant, ["MemoryPressure"], undefined],
  [
    "refuses all for want of room on the disk",
    burstable,
    ["DiskPressure"],
    "The node had condition: [DiskPressure]. ",
  ],
  [
    "refuses all for want of more than memory",
    tolerant,
    ["MemoryPressure", "DiskPressure"],
    "The node had condition: [MemoryPressure DiskPressure]. ",
  ],
  ["takes critical pods always", critical, ["DiskPressure"], undefined],
];
for (const [name, pod, pressures, message] of cases) {
  Deno.test(`pressureRefusal() ${name}`, () => {
    assert.deepEqual(
      pressureRefusal(pod, pressures),
      message && { reason: "Evicted", message },
    );
  });
}

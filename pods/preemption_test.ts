import assert from "node:assert/strict";
import type { Pod } from "../k8s/types.ts";
import type { Shortage } from "./admission.ts";
import { preemption } from "./preemption.ts";

const critical = 2_000_000_000;

interface Asks {
  readonly cpu?: string;
  readonly memory?: string;
  readonly priority?: number;
  readonly guaranteed?: boolean;
}

function pod(name: string, { priority, guaranteed, ...requests }: Asks): Pod {
  const resources = guaranteed ? { requests, limits: requests } : { requests };
  return {
    metadata: { name, uid: name, namespace: "default" },
    spec: {
      containers: [{ name: "c", resources }],
      ...(priority === undefined ? {} : { priority }),
    },
  };
}

function lacks(resource: string, amount: number): Shortage {
  return { resource, requested: amount, used: 0, capacity: 0 };
}

const tiny = pod("tiny", { priority: 0 });
const small = pod("small", { cpu: "100m", memory: "100", priority: 0 });
const big = pod("big", { cpu: "500m", memory: "500", priority: 0 });
const sure = pod("sure", {
  ...{ cpu: "100m", memory: "100", priority: 0, guaranteed: true },
});
const surest = pod("surest", {
  ...{ cpu: "500m", memory: "500", priority: 0, guaranteed: true },
});
const system = pod("system", { cpu: "2", priority: critical + 1000 });
const all = [surest, sure, big, small, tiny, system];

const none = "no set of running pods found to reclaim resources: ";

const table: readonly (readonly [
  claim: string,
  running: readonly Pod[],
  shortages: readonly Shortage[],
  wanted: readonly string[] | string,
])[] = [
  ["the least that does", all, [lacks("cpu", 100)], ["small"]],
  ["one pod, not several", all, [lacks("cpu", 101)], ["big"]],
  ["Burstable pods only, if those do", all, [lacks("cpu", 600)], [
    "big",
    "small",
  ]],
  ["Guaranteed pods for the rest", all, [
    lacks("cpu", 700),
  ], ["big", "small", "sure"]],
  ["a BestEffort pod for its place", all, [lacks("pods", 1)], ["tiny"]],
  ["a place in the room that others leave", all, [
    lacks("pods", 1),
    lacks("memory", 200),
  ], ["big"]],
  [
    "those that meet two needs together",
    [
      pod("cpu", { cpu: "1", priority: 0 }),
      pod("memory", { memory: "1000", priority: 0 }),
      pod("both", { cpu: "900m", memory: "900", priority: 0 }),
    ],
    [lacks("cpu", 800), lacks("memory", 800)],
    ["both"],
  ],
  [
    "the one that asks for less memory of two that do",
    [
      pod("a", { cpu: "1", memory: "2", priority: 0 }),
      pod("b", { cpu: "2", memory: "1", priority: 0 }),
    ],
    [lacks("cpu", 500)],
    ["b"],
  ],
  [
    "no critical pods",
    [system],
    [lacks("cpu", 500)],
    `${none}[(res: cpu, q: 500), ]`,
  ],
  [
    "nothing when all would not do",
    all,
    [lacks("memory", 1201), lacks("cpu", 1)],
    `${none}[(res: memory, q: 1), ]`,
  ],
  [
    "critical pods of lower priority",
    [
      pod("lower", { cpu: "1", priority: critical }),
      pod("same", { cpu: "1", priority: critical + 1000 }),
    ],
    [lacks("cpu", 1000)],
    ["lower"],
  ],
];

for (const [claim, running, shortages, wanted] of table) {
  Deno.test(`preemption() takes ${claim}`, () => {
    const by = pod("by", { priority: critical + 1000 });
    const choice = preemption(by, running, shortages);
    const got = choice.kind === "possible"
      ? choice.victims.map(({ metadata }) => metadata?.name)
      : choice.message;
    assert.deepEqual(got, wanted);
  });
}

Deno.test("preemption() needs what the free rest of the node does not give", () => {
  const by = pod("by", { priority: critical });
  const shortage = { resource: "cpu", requested: 500, used: 900 };
  const choice = preemption(by, all, [{ ...shortage, capacity: 1300 }]);
  assert.ok(choice.kind === "possible");
  assert.deepEqual(choice.victims, [small]);
});

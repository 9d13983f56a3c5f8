import assert from "node:assert/strict";
import type {
  EvictionSignal,
  EvictionThreshold,
  SignalReading,
} from "./eviction_thresholds.ts";
import {
  judgePressure,
  noPressure,
  type PressureState,
} from "./node_pressure.ts";

const hardDisk: EvictionThreshold = {
  signal: "nodefs.available",
  amount: { kind: "quantity", amount: 100 },
  graceMs: 0,
  minimumReclaim: { kind: "quantity", amount: 50 },
};
const hardMemory: EvictionThreshold = {
  signal: "memory.available",
  amount: { kind: "quantity", amount: 100 },
  graceMs: 0,
};
const softMemory: EvictionThreshold = {
  signal: "memory.available",
  amount: { kind: "quantity", amount: 300 },
  graceMs: 60_000,
};
const settings = {
  thresholds: [hardDisk, hardMemory, softMemory],
  transitionMs: 300_000,
};

function reading(
  amounts: Partial<Record<EvictionSignal, number>>,
): ReadonlyMap<EvictionSignal, SignalReading> {
  return new Map(
    (Object.entries(amounts) as [EvictionSignal, number][]).map((
      [signal, available],
    ) => [signal, { available, capacity: 1_000 }]),
  );
}

/** What each reading of a series, at its second, leads to. */
function judged(
  steps: readonly [seconds: number, Partial<Record<EvictionSignal, number>>][],
) {
  let state: PressureState = noPressure;
  return steps.map(([seconds, amounts]) => {
    const now = new Date(seconds * 1_000);
    const verdict = judgePressure(state, reading(amounts), settings, now);
    state = verdict.state;
    return [
      verdict.pressures.join(" "),
      verdict.starved.map(({ signal }) => signal).join(" "),
    ];
  });
}

Deno.test("judgePressure() keeps a condition for the transition period", () => {
  assert.deepEqual(
    judged([
      [0, { "nodefs.available": 200 }],
      [10, { "nodefs.available": 99 }],
      [20, { "nodefs.available": 200 }],
      [309, { "nodefs.available": 200 }],
      [311, { "nodefs.available": 200 }],
    ]),
    [
      ["", ""],
      ["DiskPressure", "nodefs.available"],
      ["DiskPressure", ""],
      ["DiskPressure", ""],
      ["", ""],
    ],
  );
});

Deno.test("judgePressure() goes on until as much as asked is free again", () => {
  assert.deepEqual(
    judged([
      [0, { "nodefs.available": 120 }],
      [10, { "nodefs.available": 90 }],
      [20, { "nodefs.available": 120 }],
      [30, { "nodefs.available": 150 }],
      [40, { "nodefs.available": 120 }],
    ]).map(([, starved]) => starved),
    ["", "nodefs.available", "nodefs.available", "", ""],
  );
});

Deno.test("judgePressure() gives a soft threshold its grace period", () => {
  assert.deepEqual(
    judged([
      [0, { "memory.available": 200 }],
      [59, { "memory.available": 200 }],
      [60, { "memory.available": 200 }],
      [70, { "memory.available": 400 }],
      [80, { "memory.available": 200 }],
    ]),
    [
      ["MemoryPressure", ""],
      ["MemoryPressure", ""],
      ["MemoryPressure", "memory.available"],
      ["MemoryPressure", ""],
      ["MemoryPressure", ""],
    ],
  );
});

Deno.test("judgePressure() wants memory first", () => {
  assert.deepEqual(
    judged([[0, { "nodefs.available": 1, "memory.available": 1 }]]),
    [["DiskPressure MemoryPressure", "memory.available nodefs.available"]],
  );
});

Deno.test("judgePressure() evicts nobody for what it could not read", () => {
  assert.deepEqual(
    judged([
      [0, {}],
      [10, { "nodefs.available": 10 }],
      [20, {}],
      [30, { "nodefs.available": 10 }],
      [331, {}],
    ]),
    [
      ["", ""],
      ["DiskPressure", "nodefs.available"],
      ["DiskPressure", ""],
      ["DiskPressure", "nodefs.available"],
      ["", ""],
    ],
  );
});

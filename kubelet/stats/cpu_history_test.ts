import assert from "node:assert/strict";
import { CpuHistory, type CpuReading } from "./cpu_history.ts";

/** A reading `at` seconds, of a run that started at `startedAt` seconds. */
function reading(
  at: number,
  cpuSeconds: number,
  startedAt = 0,
): CpuReading {
  return {
    at: new Date(at * 1000),
    startedAt: new Date(startedAt * 1000),
    cpuNanos: cpuSeconds * 1e9,
  };
}

const cases: [
  claim: string,
  readings: readonly CpuReading[],
  nanoCores: number | undefined,
  endedSeconds: number,
][] = [
  ["the average since the start, of one reading", [reading(10, 5)], 5e8, 0],
  ["unknown just as the run starts", [reading(0, 0)], undefined, 0],
  [
    "the rate between the last two readings",
    [reading(10, 5), reading(20, 5), reading(22, 6)],
    5e8,
    0,
  ],
  [
    "0 for what did nothing between two readings",
    [reading(10, 5), reading(20, 5)],
    0,
    0,
  ],
  [
    "not that of a window under a second",
    [reading(10, 5), reading(20, 15), reading(20.5, 100)],
    1e9,
    0,
  ],
  [
    "that of the window since the last reading that counted",
    [reading(10, 5), reading(20, 15), reading(20.5, 15), reading(21, 17)],
    2e9,
    0,
  ],
  [
    "never negative after a restart, but the new run's average",
    [reading(10, 5), reading(20, 1, 18)],
    5e8,
    5,
  ],
  [
    "that of the new run when less CPU time tells of a restart",
    [reading(10, 5), reading(20, 2)],
    1e8,
    5,
  ],
  [
    "not lost when the start is worked out a little else each time",
    [reading(10, 5), reading(20, 6, 0.4)],
    1e8,
    0,
  ],
];
for (const [claim, readings, nanoCores, endedSeconds] of cases) {
  Deno.test(`CpuHistory.nanoCores() is ${claim}`, () => {
    const history = new CpuHistory();
    for (const each of readings) history.read("c", each);
    assert.equal(history.nanoCores("c"), nanoCores);
    const ended = history.endedNanos("c", { running: true });
    assert.equal(ended, endedSeconds * 1e9);
  });
}

Deno.test("CpuHistory.endedNanos() makes totals that never fall over restarts", () => {
  const history = new CpuHistory();
  history.read("c", reading(10, 5));
  history.read("c", reading(10.5, 6));
  assert.equal(history.endedNanos("c", { running: true }), 0);
  assert.equal(history.endedNanos("c", { running: false }), 6e9);
  history.read("c", reading(30, 1, 25));
  assert.equal(history.endedNanos("c", { running: true }), 6e9);
  history.read("c", reading(50, 1, 45));
  assert.equal(history.endedNanos("c", { running: true }), 7e9);
  assert.equal(history.endedNanos("c", { running: false }), 8e9);
});

Deno.test("CpuHistory.prune() forgets what is not wanted", () => {
  const history = new CpuHistory();
  history.read("a", reading(10, 5));
  history.read("b", reading(10, 5));
  history.prune((key) => key === "a");
  assert.deepEqual([...history.keys()], ["a"]);
  assert.equal(history.nanoCores("b"), undefined);
  assert.equal(history.endedNanos("b", { running: false }), 0);
});

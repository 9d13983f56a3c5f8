import assert from "node:assert/strict";
import { type DutyState, dutyStep } from "./cpu_duty.ts";

const begin: DutyState = {
  at: 0,
  usedNanos: 0,
  creditNanos: 0,
  stopped: false,
};

for (
  const [limitMillis, threads, lateMs] of [
    [50, 1, 0],
    [200, 1, 0],
    [200, 1, 35],
    [500, 2, 10],
    [900, 1, 5],
    [1500, 2, 15],
  ] as const
) {
  Deno.test(`dutyStep() holds ${threads} spinning thread(s) to ${limitMillis}m, looked at ${lateMs} ms late`, () => {
    let state = begin;
    let used = 0;
    let at = 0;
    while (at < 60_000) {
      // The kernel tells of whole ticks.
      const usedNanos = Math.floor(used / 10) * 10 * 1e6;
      const step = dutyStep(state, { at, usedNanos, limitMillis });
      ({ state } = step);
      const passed = step.waitMs + lateMs;
      if (!state.stopped) used += passed * threads;
      at += passed;
    }
    const share = used / at * 1000;
    assert.ok(Math.abs(share / limitMillis - 1) < 0.05, `${share}`);
  });
}

Deno.test("dutyStep() leaves a process alone that uses less", () => {
  let state = begin;
  for (let at = 0; at < 10_000; at += 20) {
    const usedNanos = at * 1e6 * 0.1;
    const step = dutyStep(state, { at, usedNanos, limitMillis: 200 });
    assert.equal(step.signal, undefined);
    ({ state } = step);
  }
});

Deno.test("dutyStep() lets nobody save up more than a tenth of a second", () => {
  const idle = dutyStep(begin, { at: 60_000, usedNanos: 0, limitMillis: 500 });
  const burst = dutyStep(idle.state, {
    ...{ at: 60_200, usedNanos: 200e6, limitMillis: 500 },
  });
  assert.equal(burst.signal, "SIGSTOP");
});

Deno.test("dutyStep() signals once, and looks again soon where the pause is long", () => {
  const first = dutyStep(begin, { at: 20, usedNanos: 1e9, limitMillis: 100 });
  assert.equal(first.signal, "SIGSTOP");
  assert.ok(first.waitMs <= 501);
  const later = dutyStep(first.state, {
    ...{ at: 520, usedNanos: 1e9, limitMillis: 100 },
  });
  assert.equal(later.signal, undefined);
  const raised = dutyStep(later.state, {
    ...{ at: 1020, usedNanos: 1e9, limitMillis: 4000 },
  });
  assert.equal(raised.signal, "SIGCONT");
});

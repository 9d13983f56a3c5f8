import assert from "node:assert/strict";
import fc from "fast-check";
import {
  nextTick,
  type ProbeResult,
  probeRules,
  type ProbeState,
  type ProbeStates,
  probeTurn,
  runHealth,
  unprobed,
  withResult,
} from "./probe.ts";

const success: ProbeState = { inARow: 1, last: "success", verdict: "success" };
const failure: ProbeState = { inARow: 3, last: "failure", verdict: "failure" };

Deno.test("probeRules() has the API's defaults", () => {
  assert.deepEqual(probeRules({}), {
    initialDelaySeconds: 0,
    periodSeconds: 10,
    timeoutSeconds: 1,
    successThreshold: 1,
    failureThreshold: 3,
  });
});

/** Results, `+` and `-`, then the verdicts after each of them: `?` for none. */
for (
  const [results, thresholds, verdicts] of [
    ["+", [1, 3], "+"],
    ["---", [1, 3], "??-"],
    ["--+--", [1, 3], "??+++"],
    ["--+---", [1, 3], "??+++-"],
    ["-+-+-", [1, 1], "-+-+-"],
    ["++-++", [2, 1], "?+--+"],
    ["+-+-+-", [2, 2], "??????"],
  ] as const
) {
  Deno.test(`withResult() makes ${verdicts} of ${results} with thresholds ${thresholds}`, () => {
    const [successThreshold, failureThreshold] = thresholds;
    let state = unprobed;
    const said = Array.from(results, (result) => {
      state = withResult(state, result === "+" ? "success" : "failure", {
        successThreshold,
        failureThreshold,
      });
      return state.verdict === undefined
        ? "?"
        : state.verdict === "success"
        ? "+"
        : "-";
    });
    assert.equal(said.join(""), verdicts);
  });
}

Deno.test("withResult() changes its verdict exactly when the last results are enough of one kind", () => {
  const result = fc.constantFrom<ProbeResult>("success", "failure");
  const threshold = fc.integer({ min: 1, max: 5 });
  fc.assert(
    fc.property(
      fc.array(result, { maxLength: 40 }),
      threshold,
      threshold,
      (results, successThreshold, failureThreshold) => {
        const rules = { successThreshold, failureThreshold };
        let state = unprobed;
        let verdict: ProbeResult | undefined;
        for (const [i, each] of results.entries()) {
          state = withResult(state, each, rules);
          const needed = each === "success"
            ? successThreshold
            : failureThreshold;
          const last = results.slice(Math.max(0, i + 1 - needed), i + 1);
          if (
            last.length === needed && last.every((other) => other === each)
          ) verdict = each;
          assert.equal(state.verdict, verdict);
        }
      },
    ),
  );
});

for (
  const [kind, states, want] of [
    ["liveness", { liveness: unprobed }, "probe"],
    ["liveness", { liveness: success }, "probe"],
    ["liveness", { liveness: failure }, "over"],
    ["liveness", { liveness: unprobed, startup: unprobed }, "wait"],
    ["liveness", { liveness: unprobed, startup: success }, "probe"],
    ["liveness", { liveness: unprobed, startup: failure }, "over"],
    ["readiness", { readiness: failure }, "probe"],
    ["readiness", { readiness: unprobed, startup: unprobed }, "wait"],
    ["startup", { startup: unprobed }, "probe"],
    ["startup", { startup: success }, "over"],
    ["startup", { startup: failure }, "over"],
  ] as const
) {
  const text = JSON.stringify(states);
  Deno.test(`probeTurn() of ${kind} with ${text} is ${want}`, () => {
    assert.equal(probeTurn(kind, states), want);
  });
}

const all = {
  name: "c",
  startupProbe: { terminationGracePeriodSeconds: 5 },
  readinessProbe: {},
  livenessProbe: { terminationGracePeriodSeconds: 7 },
};
for (
  const [claim, states, want] of [
    ["neither started nor ready at first", {
      startup: unprobed,
      readiness: unprobed,
    }, { started: false, ready: false }],
    ["not ready before it has started", {
      startup: unprobed,
      readiness: success,
    }, { started: false, ready: false }],
    ["started, not ready", { startup: success, readiness: failure }, {
      started: true,
      ready: false,
    }],
    ["ready", { startup: success, readiness: success, liveness: success }, {
      started: true,
      ready: true,
    }],
    ["failed by liveness, with its grace", {
      startup: success,
      readiness: success,
      liveness: failure,
    }, {
      started: true,
      ready: true,
      failed: { probe: "liveness", graceSeconds: 7 },
    }],
    ["failed by startup, with its grace", { startup: failure }, {
      started: false,
      ready: false,
      failed: { probe: "startup", graceSeconds: 5 },
    }],
  ] as const satisfies readonly (readonly [string, ProbeStates, unknown])[]
) {
  Deno.test(`runHealth() is ${claim}`, () => {
    assert.deepEqual(runHealth(all, states), want);
  });
}

Deno.test("runHealth() of a container without startup and readiness probes is started and ready", () => {
  assert.deepEqual(
    runHealth({ name: "c", livenessProbe: {} }, { liveness: failure }),
    { started: true, ready: true, failed: { probe: "liveness" } },
  );
});

for (
  const [startedAt, now, delay, want] of [
    [1_000, 1_000, 0, 10_000],
    [1_000, 10_000, 0, 20_000],
    [1_000, 9_999, 0, 10_000],
    [1_000, 1_000, 15, 20_000],
    [1_000, 1_000, 9, 10_000],
    [-100_000, -90_000, 0, 0],
  ] as const
) {
  Deno.test(`nextTick() at ${now} of a run since ${startedAt} with a delay of ${delay} s is ${want}`, () => {
    const rules = probeRules({ initialDelaySeconds: delay });
    assert.equal(nextTick({ epoch: 0, startedAt, now }, rules), want);
  });
}

import assert from "node:assert/strict";
import {
  absent,
  after,
  container,
  ended,
  observed,
  outcome,
  pod,
  running,
} from "../../pods/test_plan.ts";
import type { Figure } from "./figures.ts";

const pods = 10_000;
const names = ["app", "cache", "proxy"];

/** What pods of three containers are seen as: not there yet, starting, running, crashed and done. */
const stages = [
  absent,
  observed(container("app", running)),
  observed(...names.map((name) => container(name, running))),
  observed(
    container("app", running),
    container("cache", ended(1), 3),
    container("proxy", running),
  ),
  observed(...names.map((name) => container(name, ended(0)))),
];

/** The plan and the status of 10,000 pods of 3 containers, one after the other. */
export function benchPlan(): readonly Figure[] {
  const spec = {
    restartPolicy: "OnFailure",
    containers: names.map((name) => ({ name, image: "a:1" })),
  };
  const all = Array.from({ length: pods }, () => pod(spec));
  const runs = Array.from({ length: 3 }, () => {
    const begun = performance.now();
    let actions = 0;
    for (const [i, each] of all.entries()) {
      const seen = stages[i % stages.length] ?? absent;
      const { plan, status } = outcome(each, seen, { now: after(60) });
      actions += plan.actions.length;
      assert.equal(status.conditions?.length, 5);
    }
    assert.ok(actions > 0);
    return performance.now() - begun;
  });
  return [{
    what: "10,000 pods of 3 containers planned, with their status; worst of 3",
    measured: `${Math.round(Math.max(...runs))} ms (${
      runs.map(Math.round).join(", ")
    })`,
    wanted: "under 1 s",
  }];
}

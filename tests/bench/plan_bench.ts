import { newMemory } from "../../pods/memory.ts";
import { planPod } from "../../pods/plan.ts";
import { desiredPod } from "../../pods/pod_spec.ts";
import { podStatus } from "../../pods/status.ts";
import {
  absent,
  after,
  container,
  ended,
  observed,
  pod,
  running,
  start,
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
      actions += planned(each, stages[i % stages.length] ?? absent);
    }
    // So that nothing of it is left out.
    if (actions === 0) throw new Error("Cannot measure plans: they are empty");
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

function planned(
  each: ReturnType<typeof pod>,
  seen: ReturnType<typeof observed>,
): number {
  const desired = desiredPod(each);
  const memory = newMemory(start);
  const plan = planPod(desired, seen, memory, after(60));
  const { conditions = [] } = podStatus({
    desired,
    observed: seen,
    plan,
    memory,
    before: undefined,
    nodeIps: ["10.0.0.1"],
    runtimeName: "test",
    stopped: false,
  }, after(60));
  return plan.actions.length + conditions.length;
}

import type { ObservedContainer, ObservedPod } from "../providers/runtime.ts";
import type { PodMemory } from "./memory.ts";
import type { DesiredPod } from "./pod_spec.ts";
import { find, type InitProgress, initProgress } from "./init_progress.ts";
import { withoutReset } from "./restart_all.ts";
import { mayRestart, runsAgain } from "./restart_policy.ts";

/**
 * How far the init containers are in the pod's sandbox; in a new one they all run again.
 *
 * Where a sandbox is wanted that is not there, they are at the first.
 */
export function sandboxProgress(
  desired: DesiredPod,
  observed: ObservedPod,
  memory: PodMemory,
): InitProgress {
  const runs = sandboxRuns(desired, observed, memory);
  return initProgress(desired, runs, memory.health);
}

/** The pod without the runs of the sandboxes that it had before, and without those started anew. */
export function sandboxRuns(
  desired: DesiredPod,
  observed: ObservedPod,
  memory: PodMemory,
): ObservedPod {
  if (needsSandbox(desired, observed, memory)) {
    return { ...observed, containers: [] };
  }
  const { containers: runs } = withoutReset(desired, observed, memory);
  const containers = runs.filter(({ id }) => !memory.formerRuns.has(id));
  return withoutEarlier(desired, { ...observed, containers });
}

/**
 * Whether the pod has no sandbox that works and something in it is still to run: then the pod
 * starts from its init containers. The kubelet's `podSandboxChanged`.
 */
export function needsSandbox(
  desired: DesiredPod,
  observed: ObservedPod,
  memory: Pick<PodMemory, "replacedRuns">,
): boolean {
  if (observed.sandbox === "ready") return false;
  const init = initProgress(desired, observed, new Map());
  if (init.kind === "failed") return false;
  return desired.containers.some((container) => {
    const run = find(observed, container.name);
    if (run === undefined) return true;
    const { id, state } = run;
    switch (state.kind) {
      case "running": // It will be ended, and not by success.
        return mayRestart(container, desired, { code: killed });
      case "terminated":
        return runsAgain(container, { id, exit: state.exit }, desired, memory);
    }
  });
}

/** The exit code of what SIGKILL ended. */
const killed = 137;

/**
 * Leaves out runs that started before one that must come before them: those are of an earlier
 * sandbox. So an agent that has just started knows it, too.
 */
function withoutEarlier(
  { initContainers, containers }: DesiredPod,
  observed: ObservedPod,
): ObservedPod {
  let earliest = -Infinity;
  const former = new Set<string>();
  for (const { kind, name } of initContainers) {
    const run = find(observed, name);
    if (run === undefined) continue;
    if (isEarlier(run, earliest)) former.add(name);
    // A sidecar may have been started again beside what came after it.
    else if (kind !== "sidecar") earliest = Math.max(earliest, startOf(run));
  }
  for (const { name } of containers) {
    const run = find(observed, name);
    if (run && isEarlier(run, earliest)) former.add(name);
  }
  return {
    ...observed,
    containers: observed.containers.filter(({ name }) => !former.has(name)),
  };
}

function isEarlier(run: ObservedContainer, than: number): boolean {
  // What never ran may have any time.
  const neverRan = run.state.kind === "terminated" &&
    run.state.exit.reason === "StartError";
  return !neverRan && startOf(run) < than;
}

function startOf({ state }: ObservedContainer): number {
  return (state.kind === "running" ? state.startedAt : state.exit.startedAt)
    .getTime();
}

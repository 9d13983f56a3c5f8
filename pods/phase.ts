import type { ObservedPod } from "../providers/runtime.ts";
import { find, type InitProgress } from "./init_progress.ts";
import type { DesiredPod } from "./pod_spec.ts";
import type { PodMemory } from "./memory.ts";
import { runsAgain } from "./restart_policy.ts";

/** `status.phase`, of those that farlet publishes. */
export type PodPhase = "Pending" | "Running" | "Succeeded" | "Failed";

/**
 * The phase that follows from the containers, by the kubelet's rules (`getPhase`).
 *
 * A crash-looping container counts as stopped, not as new; a pod with a container that was never
 * started is Pending. A sidecar keeps its pod running, and how it ends counts for nothing.
 */
export function podPhase(
  desired: DesiredPod,
  observed: ObservedPod,
  init: InitProgress,
  memory: Pick<PodMemory, "replacedRuns">,
): PodPhase {
  if (init.kind === "failed") {
    return runningSidecar(desired, observed) ? "Pending" : "Failed";
  }
  if (init.kind === "at") return "Pending";
  const runs = desired.containers.map((container) => ({
    container,
    run: find(observed, container.name),
  }));
  if (runs.some(({ run }) => run === undefined)) return "Pending";
  if (
    runs.some(({ run }) => run?.state.kind === "running") ||
    runningSidecar(desired, observed)
  ) return "Running";
  const exits = runs.flatMap(({ container, run }) =>
    run?.state.kind === "terminated"
      ? [{ container, id: run.id, exit: run.state.exit }]
      : []
  );
  const goesOn = exits.some(({ container, ...run }) =>
    runsAgain(container, run, desired, memory)
  );
  if (goesOn) return "Running";
  return exits.every(({ exit }) => exit.code === 0) ? "Succeeded" : "Failed";
}

/** The phase of a pod that was stopped because it is deleted: nothing restarts any more. */
export function stoppedPhase(
  { containers }: DesiredPod,
  observed: ObservedPod,
): PodPhase {
  const succeeded = containers.every(({ name }) => {
    const state = find(observed, name)?.state;
    return state?.kind === "terminated" && state.exit.code === 0;
  });
  return succeeded ? "Succeeded" : "Failed";
}

function runningSidecar(
  { initContainers }: DesiredPod,
  observed: ObservedPod,
): boolean {
  return initContainers.some(({ kind, name }) =>
    kind === "sidecar" && find(observed, name)?.state.kind === "running"
  );
}

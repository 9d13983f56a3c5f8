import type { ObservedPod } from "../providers/runtime.ts";
import {
  find,
  type InitProgress,
  initProgress,
  mayRestart,
} from "./init_progress.ts";
import type { DesiredPod } from "./pod_spec.ts";

/** `status.phase`, of those that farlet publishes. */
export type PodPhase = "Pending" | "Running" | "Succeeded" | "Failed";

/**
 * The phase that follows from the containers, by the kubelet's rules (`getPhase`).
 *
 * A crash-looping container counts as stopped, not as new; a pod with a container that was never
 * started is Pending.
 */
export function podPhase(
  desired: DesiredPod,
  observed: ObservedPod,
  init: InitProgress = initProgress(desired, observed),
): PodPhase {
  if (init.kind === "failed") return "Failed";
  if (init.kind === "at") return "Pending";
  const states = desired.containers.map(({ name }) =>
    find(observed, name)?.state
  );
  if (states.some((state) => state === undefined)) return "Pending";
  if (states.some((state) => state?.kind === "running")) return "Running";
  const exits = states.flatMap((state) =>
    state?.kind === "terminated" ? [state.exit] : []
  );
  if (exits.some((exit) => mayRestart(desired.restartPolicy, exit))) {
    return "Running";
  }
  return exits.every(({ code }) => code === 0) ? "Succeeded" : "Failed";
}

/** The phase of a pod that was stopped because it is deleted: nothing restarts any more. */
export function stoppedPhase(
  desired: DesiredPod,
  observed: ObservedPod,
): PodPhase {
  return podPhase({ ...desired, restartPolicy: "Never" }, observed) ===
      "Succeeded"
    ? "Succeeded"
    : "Failed";
}

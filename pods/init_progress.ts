import type { ObservedContainer, ObservedPod } from "../providers/runtime.ts";
import { healthOf, type PodHealth } from "./health.ts";
import type { DesiredPod } from "./pod_spec.ts";
import { mayRestart } from "./restart_policy.ts";

/** How far the init containers are. */
export type InitProgress =
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly container: string }
  | { readonly kind: "at"; readonly index: number };

/**
 * Init containers run one after the other, each until it succeeds; a sidecar is passed as soon as
 * it has started.
 */
export function initProgress(
  desired: DesiredPod,
  observed: ObservedPod,
  health: PodHealth,
): InitProgress {
  // Once an app container was started, the init containers are done for this sandbox.
  if (desired.containers.some(({ name }) => find(observed, name))) {
    return { kind: "done" };
  }
  for (const [index, container] of desired.initContainers.entries()) {
    const run = find(observed, container.name);
    if (container.kind === "sidecar") {
      const isStarted = run?.state.kind === "running" &&
        healthOf(container, run, health).started;
      if (!isStarted) return { kind: "at", index };
      continue;
    }
    if (run?.state.kind !== "terminated") return { kind: "at", index };
    const { exit } = run.state;
    if (exit.code === 0) continue;
    return mayRestart(container, desired, exit)
      ? { kind: "at", index }
      : { kind: "failed", container: container.name };
  }
  return { kind: "done" };
}

/** The newest run of the container named, if there was one. */
export function find(
  { containers }: ObservedPod,
  name: string,
): ObservedContainer | undefined {
  return containers.find((container) => container.name === name);
}

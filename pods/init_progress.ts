import type {
  Exit,
  ObservedContainer,
  ObservedPod,
} from "../providers/runtime.ts";
import type { DesiredPod } from "./pod_spec.ts";

/** Whether a container that ended so is started again. */
export function mayRestart(
  policy: DesiredPod["restartPolicy"],
  { code }: Exit,
): boolean {
  return policy === "Always" || (policy === "OnFailure" && code !== 0);
}

/** How far the init containers are. */
export type InitProgress =
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly container: string }
  | { readonly kind: "at"; readonly index: number };

/** Init containers run one after the other, each until it succeeds. */
export function initProgress(
  desired: DesiredPod,
  observed: ObservedPod,
): InitProgress {
  // Once an app container was started, the init containers are done for this sandbox.
  if (desired.containers.some(({ name }) => find(observed, name))) {
    return { kind: "done" };
  }
  for (const [index, { name }] of desired.initContainers.entries()) {
    const state = find(observed, name)?.state;
    if (state?.kind !== "terminated") return { kind: "at", index };
    if (state.exit.code === 0) continue;
    return desired.restartPolicy === "Never"
      ? { kind: "failed", container: name }
      : { kind: "at", index };
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

import type { ObservedPod } from "../providers/runtime.ts";
import type { PodAction } from "./plan.ts";
import type { DesiredPod } from "./pod_spec.ts";

/** What stops a pod: every running container, all at the same time. */
export function planStop(
  _desired: DesiredPod,
  { containers }: ObservedPod,
  { graceSeconds }: { readonly graceSeconds: number },
): readonly PodAction[] {
  return containers.filter(({ state }) => state.kind === "running").map((
    { name },
  ) => ({ kind: "stopContainer", container: name, graceSeconds }));
}

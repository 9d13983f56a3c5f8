import type { ObservedPod } from "../providers/runtime.ts";
import type { StopAction } from "./plan.ts";
import type { DesiredPod } from "./pod_spec.ts";

/**
 * What stops a pod now: every running container but the sidecars, all at the same time; then the
 * sidecars, one after the other, the last one first (KEP-753).
 */
export function planStop(
  { initContainers }: Pick<DesiredPod, "initContainers">,
  { containers }: ObservedPod,
  { graceSeconds }: { readonly graceSeconds: number },
): readonly StopAction[] {
  const running = containers.filter(({ state }) => state.kind === "running")
    .map(({ name }) => name);
  const sidecars = initContainers.filter(({ kind, name }) =>
    kind === "sidecar" && running.includes(name)
  ).map(({ name }) => name);
  const others = running.filter((name) => !sidecars.includes(name));
  const first = others.length > 0 ? others : sidecars.slice(-1);
  return first.map((container) => ({
    kind: "stopContainer",
    container,
    graceSeconds,
    ofPod: true,
  }));
}

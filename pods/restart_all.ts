import type {
  Exit,
  ObservedContainer,
  ObservedPod,
} from "../providers/runtime.ts";
import { find } from "./init_progress.ts";
import type { PodMemory } from "./memory.ts";
import type { Waiting } from "./plan.ts";
import type { DesiredContainer, DesiredPod } from "./pod_spec.ts";
import { mayRestartAll, restartsAll } from "./restart_policy.ts";

/** As the kubelet says of containers that are started anew with all others of their pod. */
export const restartingAll: Waiting = {
  reason: "RestartingAllContainers",
  message: "The container is removed because RestartAllContainers in place",
};

/**
 * IDs of the runs that end because all containers of their pod are started anew (KEP-5532), in the
 * same sandbox and with the same volumes: those that are there when a container is first seen to
 * have ended so that its rules say `RestartAllContainers`.
 *
 * An agent that has just started goes by times: what began before such an end.
 */
export function resetRuns(
  desired: DesiredPod,
  observed: ObservedPod,
  { resetRuns: known }: Pick<PodMemory, "resetRuns">,
): ReadonlySet<string> {
  const containers = restartable(desired);
  const triggers = containers.filter(mayRestartAll);
  if (triggers.length === 0) return none;
  const runs = containers.flatMap(({ name }) => find(observed, name) ?? []);
  const asked = triggers.flatMap((container) =>
    exitsOf(observed, container.name).filter(({ exit }) =>
      restartsAll(container, exit)
    )
  );
  const isNews = runs.some(({ id }) =>
    known?.has(id) === false && asked.some((run) => run.id === id)
  );
  if (isNews) return new Set(runs.map(({ id }) => id));
  const resetAt = Math.max(...asked.map(({ exit }) => +exit.finishedAt));
  const isFormer = ({ id, state }: ObservedContainer) => {
    if (known !== undefined) return known.has(id);
    const { startedAt } = state.kind === "running" ? state : state.exit;
    return +startedAt < resetAt || asked.some((run) => run.id === id);
  };
  return new Set(runs.filter(isFormer).map(({ id }) => id));
}

const none: ReadonlySet<string> = new Set();

/** The pod without the runs that count for nothing since all containers are started anew. */
export function withoutReset(
  desired: DesiredPod,
  observed: ObservedPod,
  memory: Pick<PodMemory, "resetRuns">,
): ObservedPod {
  const former = resetRuns(desired, observed, memory);
  if (former.size === 0) return observed;
  const containers = observed.containers.filter(({ id }) => !former.has(id));
  return { ...observed, containers };
}

/** How far a pod is with starting all containers anew. */
export type ResetProgress =
  /** No container's rules ask for it. */
  | "never"
  | "none"
  /** None of them was started again yet. */
  | "ending"
  /** Some of them were started again, others not yet. */
  | "starting";

/** How far the pod is with starting all its containers anew. */
export function resetProgress(
  desired: DesiredPod,
  observed: ObservedPod,
  memory: Pick<PodMemory, "resetRuns">,
): ResetProgress {
  const containers = restartable(desired);
  if (!containers.some(mayRestartAll)) return "never";
  const former = resetRuns(desired, observed, memory);
  if (former.size === 0) return "none";
  const isNew = containers.some(({ name }) => {
    const run = find(observed, name);
    return run !== undefined && !former.has(run.id);
  });
  return isNew ? "starting" : "ending";
}

/** All but those that are never started again. */
export function restartable(
  { initContainers, containers }: DesiredPod,
): readonly DesiredContainer[] {
  return [...initContainers, ...containers];
}

function exitsOf(
  observed: ObservedPod,
  name: string,
): readonly { readonly id: string; readonly exit: Exit }[] {
  const run = find(observed, name);
  if (run === undefined) return [];
  const { id, state, lastExit } = run;
  return [
    ...(state.kind === "terminated" ? [{ id, exit: state.exit }] : []),
    ...(lastExit ? [{ id: lastExit.id, exit: lastExit }] : []),
  ];
}

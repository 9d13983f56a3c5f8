import type { Pod } from "../k8s/types.ts";

/** What a node does when its machine is shut down: groups of pods have a time each, one after the other. */
export interface ShutdownSettings {
  /** From the lowest priority up, as a kubelet's `shutdownGracePeriodByPodPriority`. */
  readonly groups: readonly ShutdownGroup[];
}

/** The pods from a priority on, up to that of the next group. */
export interface ShutdownGroup {
  readonly priority: number;
  /** For all of them together, in milliseconds. */
  readonly graceMs: number;
}

/** Pods that end at the same time. */
export interface ShutdownStep {
  readonly pods: readonly {
    readonly pod: Pod;
    /** Whole seconds for its containers to end. */
    readonly graceSeconds: number;
  }[];
  /** How long those after them wait for them at most, in milliseconds. */
  readonly waitMs: number;
}

/** The API's `SystemCriticalPriority`. */
const systemCritical = 2_000_000_000;

/** The groups of `shutdownGracePeriod` and `shutdownGracePeriodCriticalPods`, in milliseconds. */
export function shutdownGroups(
  graceMs: number,
  criticalMs: number,
): readonly ShutdownGroup[] {
  if (graceMs === 0) return [];
  return [
    { priority: 0, graceMs: graceMs - criticalMs },
    { priority: systemCritical, graceMs: criticalMs },
  ];
}

/** How long a shutdown takes at most, in milliseconds; 0 where pods get no time. */
export function shutdownGraceMs({ groups }: ShutdownSettings): number {
  return groups.reduce((sum, { graceMs }) => sum + graceMs, 0);
}

/**
 * How pods end before their machine goes down, by the kubelet's rules (`groupByPriority`,
 * `killPods`). Pure.
 *
 * Groups without pods are left out. A machine that waits less long than all of them take gives
 * each its share of the time.
 */
export function shutdownSteps(
  pods: readonly Pod[],
  settings: ShutdownSettings,
  { maxDelayMs }: { readonly maxDelayMs: number },
): readonly ShutdownStep[] {
  const wanted = shutdownGraceMs(settings);
  const share = wanted > maxDelayMs ? maxDelayMs / wanted : 1;
  const groups = settings.groups.toSorted((a, b) => a.priority - b.priority);
  const groupOf = (pod: Pod) => {
    const priority = pod.spec?.priority ?? 0;
    // Those below the first group belong to it.
    return Math.max(0, groups.findLastIndex((g) => g.priority <= priority));
  };
  return groups.flatMap(({ graceMs }, index): ShutdownStep[] => {
    const members = pods.filter((pod) => groupOf(pod) === index);
    if (members.length === 0) return [];
    const waitMs = Math.floor(graceMs * share);
    const most = Math.floor(waitMs / 1000);
    return [{
      waitMs,
      pods: members.map((pod) => {
        const own = pod.spec?.terminationGracePeriodSeconds ?? 30;
        return { pod, graceSeconds: Math.max(1, Math.min(own, most)) };
      }),
    }];
  });
}

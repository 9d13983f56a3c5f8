import { apiTime } from "../k8s/time.ts";
import type { Pod, PodCondition, PodStatus } from "../k8s/types.ts";

/** A change of a pod's resources that its node has not granted. */
export interface PendingResize {
  /** Whether it waits for room, or will never be possible here. */
  readonly reason: "Deferred" | "Infeasible";
  readonly message: string;
  /** `metadata.generation` of the pod that asked for it. */
  readonly generation: number;
}

/** A change that was granted and that not all containers have yet. */
export interface ResizeInProgress {
  readonly generation: number;
  /** Why the last try failed. */
  readonly error?: string;
}

/** How far the change of a pod's resources is. */
export interface ResizeState {
  readonly pending?: PendingResize;
  readonly inProgress?: ResizeInProgress;
}

/** The types of the conditions that a pod has only while its resources change. */
export const resizeConditionTypes: readonly string[] = [
  "PodResizePending",
  "PodResizeInProgress",
];

/** A condition with the field that the types do not know yet. */
type GenerationCondition = PodCondition & {
  readonly observedGeneration?: number;
};

/** The conditions that tell of the change (KEP-1287); none when there is none. */
export function resizeConditions(
  { pending, inProgress }: ResizeState,
  before: PodStatus | undefined,
  now: Date,
): readonly PodCondition[] {
  const conditions: GenerationCondition[] = [];
  if (pending !== undefined) {
    const { reason, message, generation } = pending;
    conditions.push({
      ...base("PodResizePending", generation),
      ...{ reason, message },
    });
  }
  if (inProgress !== undefined) {
    const { generation, error } = inProgress;
    conditions.push({
      ...base("PodResizeInProgress", generation),
      ...(error === undefined ? {} : { reason: "Error", message: error }),
    });
  }
  return conditions.map((condition) => {
    const known = before?.conditions?.find(({ type, reason }) =>
      type === condition.type && (reason ?? "") === (condition.reason ?? "")
    );
    return {
      ...condition,
      lastTransitionTime: known?.lastTransitionTime ?? apiTime(now),
    };
  });
}

/** What the published conditions say of a change: an agent that comes back goes on with it. */
export function publishedResize({ metadata, status }: Pod): ResizeState {
  const find = (wanted: string) =>
    status?.conditions?.find(({ type, status }) =>
      type === wanted && status === "True"
    ) as GenerationCondition | undefined;
  const [pending, progress] = resizeConditionTypes.map(find);
  const generation = metadata?.generation ?? 0;
  return {
    ...(pending === undefined ? {} : {
      pending: {
        reason: pending.reason === "Infeasible" ? "Infeasible" : "Deferred",
        message: pending.message ?? "",
        generation: pending.observedGeneration ?? generation,
      },
    }),
    ...(progress === undefined ? {} : {
      inProgress: {
        generation: progress.observedGeneration ?? generation,
        ...(progress.reason === "Error"
          ? { error: progress.message ?? "" }
          : {}),
      },
    }),
  };
}

/** What the pod is granted, as the kubelet's Events of a change tell it: JSON of a fixed order. */
export function resizeMessage(
  what: string,
  { spec }: Pod,
  { generation, error }: {
    readonly generation: number;
    readonly error?: string;
  },
): string {
  const { initContainers = [], containers = [] } = spec ?? {};
  const list = (of: typeof containers) =>
    of.map(({ name, resources }) => ({
      name,
      resources: {
        ...sorted("limits", resources?.limits),
        ...sorted("requests", resources?.requests),
      },
    }));
  const summary = JSON.stringify({
    ...(initContainers.length === 0
      ? {}
      : { initContainers: list(initContainers) }),
    ...(containers.length === 0 ? {} : { containers: list(containers) }),
    generation,
    ...(error === undefined || error === "" ? {} : { error }),
  });
  return `Pod resize ${what}: ${summary}`;
}

function base(type: string, generation: number): GenerationCondition {
  return {
    type,
    status: "True",
    ...(generation === 0 ? {} : { observedGeneration: generation }),
  };
}

function sorted(
  key: string,
  quantities: Readonly<Record<string, string>> | undefined,
): Record<string, unknown> {
  const entries = Object.entries(quantities ?? {});
  if (entries.length === 0) return {};
  return {
    [key]: Object.fromEntries(entries.toSorted(([a], [b]) => a < b ? -1 : 1)),
  };
}

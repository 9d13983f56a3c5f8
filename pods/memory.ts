import type { ObservedContainer, WaitingReason } from "../providers/runtime.ts";
import type { PodHealth } from "./health.ts";
import type { PodFailure } from "./plan.ts";

/** The last attempt to start a container failed before there was a run. */
export interface StartFailure {
  /** How many attempts failed in a row. */
  readonly failures: number;
  readonly at: Date;
  /** The image that the container was to have then. */
  readonly image: string;
  /** The image that could not be had, if that is not the container's but of a volume. */
  readonly volumeImage?: string;
  readonly reason: WaitingReason;
  readonly message: string;
}

/** The last attempt to make the pod's volumes failed. */
export interface MountFailure {
  readonly failures: number;
  readonly at: Date;
  readonly message: string;
}

/**
 * What the engine remembers of a pod between two syncs and no runtime can tell.
 *
 * All of it may be lost: then backoff starts anew or is taken from the restart count, and volumes
 * are written once more.
 */
export interface PodMemory {
  /** When farlet took the pod on: `status.startTime`. */
  readonly startedAt: Date;
  readonly volumes: "stale" | "ready";
  readonly mountFailure?: MountFailure;
  /** By container name. */
  readonly startFailures: ReadonlyMap<string, StartFailure>;
  /** Restarts in a row, each after a run of less than ten minutes; by container name. */
  readonly restartsInARow: ReadonlyMap<string, number>;
  /** IDs of the runs in sandboxes that were replaced. */
  readonly formerRuns: ReadonlySet<string>;
  /** IDs of the runs that were ended to be started again, whatever the restart policy. */
  readonly replacedRuns: ReadonlySet<string>;
  /**
   * IDs of the runs that ended because all containers of the pod are started anew; undefined
   * before the pod was looked at.
   */
  readonly resetRuns?: ReadonlySet<string>;
  /** What the probes say of the runs. */
  readonly health: PodHealth;
  /** Why the pod was ended by the node; undefined while nobody did. */
  readonly failure?: PodFailure;
}

/** The memory of a pod that was never synced. */
export function newMemory(startedAt: Date): PodMemory {
  return {
    startedAt,
    volumes: "stale",
    startFailures: new Map(),
    restartsInARow: new Map(),
    formerRuns: new Set(),
    replacedRuns: new Set(),
    health: new Map(),
  };
}

/** Remembers that a container was started; `restartsInARow` is 0 for its first run. */
export function withStart(
  memory: PodMemory,
  container: string,
  restartsInARow: number,
): PodMemory {
  const startFailures = new Map(memory.startFailures);
  startFailures.delete(container);
  const restarts = new Map(memory.restartsInARow);
  restarts.set(container, restartsInARow);
  return { ...memory, startFailures, restartsInARow: restarts };
}

/** Remembers that a container could not be started. */
export function withStartFailure(
  memory: PodMemory,
  container: string,
  failure: Omit<StartFailure, "failures">,
): PodMemory {
  const before = memory.startFailures.get(container);
  const isFirst = before === undefined || before.image !== failure.image;
  const failures = isFirst ? 1 : before.failures + 1;
  const startFailures = new Map(memory.startFailures);
  startFailures.set(container, { ...failure, failures });
  return { ...memory, startFailures };
}

/** Remembers that a run is ended by the node to be started again, whatever its policy says. */
export function withReplacedRun(memory: PodMemory, id: string): PodMemory {
  const replacedRuns = new Set([...memory.replacedRuns, id]);
  return { ...memory, replacedRuns };
}

/** Remembers which runs ended because all containers are started anew. */
export function withResetRuns(
  memory: PodMemory,
  resetRuns: ReadonlySet<string>,
): PodMemory {
  return { ...memory, resetRuns };
}

/** Remembers what the probes say now. */
export function withHealth(memory: PodMemory, health: PodHealth): PodMemory {
  return { ...memory, health };
}

/** Remembers that the node has ended the pod; the first failure counts. */
export function withFailure(
  memory: PodMemory,
  failure: PodFailure,
): PodMemory {
  return memory.failure === undefined ? { ...memory, failure } : memory;
}

/** Remembers that the pod has a new sandbox, and what ran before: its volumes are made anew. */
export function withNewSandbox(
  memory: PodMemory,
  runs: readonly Pick<ObservedContainer, "id">[],
): PodMemory {
  const formerRuns = new Set(runs.map(({ id }) => id));
  return { ...memory, volumes: "stale", formerRuns };
}

/** Remembers that the volumes are being made as the API says now. */
export function withVolumes(memory: PodMemory): PodMemory {
  return { ...memory, volumes: "ready" };
}

/** Remembers that the volumes were made: failures before are forgotten. */
export function withMount(memory: PodMemory): PodMemory {
  const { mountFailure: _, ...rest } = memory;
  return rest;
}

/** Remembers that it is not known how the volumes are. */
export function withStaleVolumes(memory: PodMemory): PodMemory {
  return { ...memory, volumes: "stale" };
}

/** Remembers that the volumes could not be made. */
export function withMountFailure(
  memory: PodMemory,
  at: Date,
  message: string,
): PodMemory {
  const failures = (memory.mountFailure?.failures ?? 0) + 1;
  const mountFailure = { failures, at, message };
  return { ...memory, volumes: "stale", mountFailure };
}

/**
 * Remembers that something the pod refers to has changed: volumes are written again, and what
 * failed for want of an object is tried again at once.
 *
 * @param options.openRegistry Whether the pod has secrets for pulls, so that one may do now.
 */
export function withChangedObjects(
  memory: PodMemory,
  { openRegistry }: { readonly openRegistry: boolean },
): PodMemory {
  const { mountFailure: _, ...rest } = memory;
  const startFailures = new Map(
    [...memory.startFailures].filter(([, { reason }]) =>
      reason !== "CreateContainerConfigError" &&
      !(openRegistry && reason === "ErrImagePull")
    ),
  );
  return { ...rest, volumes: "stale", startFailures };
}

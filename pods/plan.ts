import type { ObservedPod, WaitingReason } from "../providers/runtime.ts";
import type { PodMemory } from "./memory.ts";
import { Planner } from "./planner.ts";
import { planStop } from "./plan_stop.ts";
import type { DesiredContainer, DesiredPod } from "./pod_spec.ts";
import { needsSandbox } from "./sandbox_runs.ts";

/** One step towards the desired pod; steps are safe to repeat. */
export type PodAction =
  | { readonly kind: "createSandbox" }
  | { readonly kind: "setVolumes" }
  | {
    readonly kind: "startContainer";
    readonly container: DesiredContainer;
    /** 0 for the first run, one more for every restart. */
    readonly attempt: number;
    /** Restarts in a row, counting this one, each after a short run. */
    readonly restartsInARow: number;
  }
  | StopAction;

/** Stops one container. */
export interface StopAction {
  readonly kind: "stopContainer";
  readonly container: string;
  readonly graceSeconds: number;
  /** What the Event says of it; that it is being stopped unless given. */
  readonly message?: string;
  /** Whether the whole pod ends: then its containers share one grace period. */
  readonly ofPod?: true;
  /** Whether it is started again, at once and whatever its policy says. */
  readonly startsAgain?: true;
}

/** Why a container does not run now. */
export interface Waiting {
  readonly reason: WaitingReason;
  readonly message?: string;
}

/** Why the whole pod has failed, whatever its containers say. */
export interface PodFailure {
  readonly reason: string;
  readonly message: string;
  /** How long its containers have to end; as the pod says unless given. */
  readonly graceSeconds?: number;
  /** What its condition `DisruptionTarget` says; given if it ended for the sake of the node. */
  readonly disruption?: string;
}

/** What to do now, what to say of it, and when to look again if nothing happens before. */
export interface PodPlan {
  readonly actions: readonly PodAction[];
  /** In milliseconds; undefined when only a change can make a difference. */
  readonly requeueAfter?: number;
  /** Containers that do not run and are meant to, by name. */
  readonly waiting: ReadonlyMap<string, Waiting>;
  readonly failure?: PodFailure;
  /** Whether the pod gets a new sandbox in place of one that has stopped. */
  readonly sandboxChanged?: boolean;
}

/** Compares what should be with what is. Pure: no clock, no I/O. */
export function planPod(
  desired: DesiredPod,
  observed: ObservedPod,
  memory: PodMemory,
  now: Date,
): PodPlan {
  const stop = planStop(desired, observed, {
    graceSeconds: desired.terminationGracePeriodSeconds,
  });
  const deadline = untilDeadline(desired, memory, now);
  if (desired.ended) return { actions: stop, waiting: new Map() };
  const { failure } = memory;
  if (failure !== undefined) {
    const { graceSeconds = desired.terminationGracePeriodSeconds } = failure;
    return {
      actions: planStop(desired, observed, { graceSeconds }),
      waiting: new Map(),
      failure,
    };
  }
  if (deadline !== undefined && deadline <= 0) {
    return {
      actions: stop,
      waiting: new Map(),
      failure: {
        reason: "DeadlineExceeded",
        message:
          "Pod was active on the node longer than the specified deadline",
      },
    };
  }
  // The kubelet's order: all that is left in a sandbox that does not work is ended first.
  if (observed.sandbox !== "ready" && stop.length > 0) {
    const sandboxChanged = needsSandbox(desired, observed, memory);
    return { actions: stop, waiting: new Map(), sandboxChanged };
  }
  return new Planner(desired, observed, memory, now).result(deadline);
}

function untilDeadline(
  { activeDeadlineSeconds }: DesiredPod,
  { startedAt }: PodMemory,
  now: Date,
): number | undefined {
  if (activeDeadlineSeconds === undefined) return undefined;
  return startedAt.getTime() + activeDeadlineSeconds * 1000 - now.getTime();
}

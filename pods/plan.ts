import { type Backoff, backoffDelay } from "../async/backoff.ts";
import type {
  Exit,
  ObservedContainer,
  ObservedPod,
  WaitingReason,
} from "../providers/runtime.ts";
import { find, initProgress, mayRestart } from "./init_progress.ts";
import type { PodMemory, StartFailure } from "./memory.ts";
import type { DesiredContainer, DesiredPod } from "./pod_spec.ts";
import { planStop } from "./plan_stop.ts";
import { needsSandbox, sandboxRuns } from "./sandbox_runs.ts";

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
  | {
    readonly kind: "stopContainer";
    readonly container: string;
    readonly graceSeconds: number;
  };

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

/** The kubelet's `MaxContainerBackOff` and `containerBackOffPeriod`. */
export const crashLoop: Backoff = { base: 10_000, cap: 300_000 };
/** The kubelet forgets earlier crashes after a run of twice the cap. */
const healthyRun = 600_000;
/** The kubelet's image backoff; also used for other failures to create a container. */
const startBackoff: Backoff = { base: 10_000, cap: 300_000 };
/** The kubelet's backoff of volume operations (500 ms doubling to 2 min 2 s). */
const mountBackoff: Backoff = { base: 500, cap: 122_000 };
/** How long a failed pull is shown as such before it is shown as backing off. */
const showPullError = 1_000;

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
    const sandboxChanged = needsSandbox(desired, observed);
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

/** Collects one plan; lives for one call of {@linkcode planPod}. */
class Planner {
  readonly #desired: DesiredPod;
  readonly #observed: ObservedPod;
  readonly #memory: PodMemory;
  readonly #now: number;
  /** Only what ran in the pod's sandbox: the rest says nothing of its init containers. */
  readonly #current: ObservedPod;
  readonly #starts: PodAction[] = [];
  readonly #waiting = new Map<string, Waiting>();
  #requeueAfter = Infinity;

  constructor(
    desired: DesiredPod,
    observed: ObservedPod,
    memory: PodMemory,
    now: Date,
  ) {
    this.#desired = desired;
    this.#observed = observed;
    this.#memory = memory;
    this.#now = now.getTime();
    this.#current = sandboxRuns(desired, observed, memory);
    const init = initProgress(desired, this.#current);
    switch (init.kind) {
      case "failed":
        for (const { name } of desired.containers) this.#initializing(name);
        break;
      case "at":
        this.#planInit(init.index);
        break;
      case "done":
        for (const container of desired.containers) this.#plan(container);
    }
  }

  result(deadline: number | undefined): PodPlan {
    const actions = this.#actions();
    const requeueAfter = Math.min(this.#requeueAfter, deadline ?? Infinity);
    return {
      actions,
      waiting: this.#waiting,
      ...(Number.isFinite(requeueAfter) ? { requeueAfter } : {}),
      ...(this.#observed.sandbox === "stopped" &&
          needsSandbox(this.#desired, this.#observed)
        ? { sandboxChanged: true }
        : {}),
    };
  }

  /** The starts, after what they need; nothing is prepared for containers that will not start. */
  #actions(): readonly PodAction[] {
    const actions: PodAction[] = [];
    const hasVolumes = (this.#desired.pod.spec?.volumes ?? []).length > 0;
    const running = this.#observed.containers.some(({ state }) =>
      state.kind === "running"
    );
    if (this.#starts.length === 0 && !running) return actions;
    const isNew = this.#observed.sandbox !== "ready" && this.#starts.length > 0;
    if (isNew) actions.push({ kind: "createSandbox" });
    // What volumes have in memory may be gone with the sandbox.
    if (hasVolumes && (isNew || this.#memory.volumes === "stale")) {
      const { mountFailure } = this.#memory;
      const wait = mountFailure === undefined ? 0 : this.#untilRetry(
        mountFailure.at,
        backoffDelay(mountFailure.failures, mountBackoff),
      );
      if (wait === 0) actions.push({ kind: "setVolumes" });
      // Containers start once their volumes are there; running ones go on with the old content.
      else return actions.filter(({ kind }) => kind !== "startContainer");
    }
    return [...actions, ...this.#starts];
  }

  #planInit(index: number): void {
    for (const { name } of this.#desired.containers) this.#initializing(name);
    for (const [i, container] of this.#desired.initContainers.entries()) {
      if (i > index) this.#initializing(container.name);
      if (i === index) this.#plan(container);
    }
  }

  #initializing(name: string): void {
    this.#waiting.set(name, { reason: "PodInitializing" });
  }

  #plan(container: DesiredContainer): void {
    const seen = find(this.#observed, container.name);
    if (seen?.state.kind === "running") return;
    const isInit = this.#desired.initContainers.includes(container);
    const isRestart = seen !== undefined;
    const runsAgain = isRestart && isInit &&
      !find(this.#current, container.name);
    if (seen?.state.kind === "terminated" && !runsAgain) {
      // An init container that is planned at all has not succeeded yet.
      const policy = isInit ? "OnFailure" : this.#desired.restartPolicy;
      if (!mayRestart(policy, seen.state.exit)) return;
      if (this.#backsOff(container, seen, seen.state.exit)) return;
    }
    const failure = this.#memory.startFailures.get(container.name);
    if (failure && this.#startBacksOff(container, failure)) return;
    if (runsAgain) this.#initializing(container.name);
    if (!isRestart) {
      this.#waiting.set(container.name, { reason: "ContainerCreating" });
    }
    this.#starts.push({
      kind: "startContainer",
      container,
      attempt: isRestart ? seen.attempt + 1 : 0,
      restartsInARow: isRestart && !runsAgain
        ? this.#restartsInARow(seen) + 1
        : 0,
    });
  }

  #backsOff(
    { name }: DesiredContainer,
    seen: ObservedContainer,
    exit: Exit,
  ): boolean {
    const backoff = backoffDelay(this.#restartsInARow(seen), crashLoop);
    const wait = this.#untilRetry(exit.finishedAt, backoff);
    if (wait === 0) return false;
    const { name: pod, namespace, uid } = this.#desired;
    this.#waiting.set(name, {
      reason: "CrashLoopBackOff",
      message: `back-off ${
        duration(backoff)
      } restarting failed container=${name} pod=${pod}_${namespace}(${uid})`,
    });
    return true;
  }

  /** Restarts in a row up to the run seen; a long run makes them forgotten. */
  #restartsInARow({ name, attempt, state }: ObservedContainer): number {
    if (state.kind === "terminated") {
      const { startedAt, finishedAt } = state.exit;
      if (finishedAt.getTime() - startedAt.getTime() >= healthyRun) return 0;
    }
    return this.#memory.restartsInARow.get(name) ?? attempt;
  }

  #startBacksOff(
    { name, image }: DesiredContainer,
    { failures, at, reason, message }: StartFailure,
  ): boolean {
    const wait = this.#untilRetry(at, backoffDelay(failures, startBackoff));
    if (wait === 0) return false;
    if (reason !== "ErrImagePull") {
      this.#waiting.set(name, { reason, message });
      return true;
    }
    const shown = this.#untilRetry(at, showPullError);
    this.#waiting.set(
      name,
      shown > 0 ? { reason, message } : {
        reason: "ImagePullBackOff",
        message: `Back-off pulling image "${image}": ErrImagePull: ${message}`,
      },
    );
    return true;
  }

  /** Milliseconds until `ms` after `since`; the plan is looked at again then. */
  #untilRetry(since: Date, ms: number): number {
    const wait = Math.max(0, since.getTime() + ms - this.#now);
    if (wait > 0) this.#requeueAfter = Math.min(this.#requeueAfter, wait);
    return wait;
  }
}

/** As Go prints durations of whole seconds: 10s, 1m20s, 5m0s. */
function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds % 60}s`;
}

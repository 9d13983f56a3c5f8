import { type Backoff, backoffDelay } from "../async/backoff.ts";
import type {
  Exit,
  ObservedContainer,
  ObservedPod,
  WaitingReason,
} from "../providers/runtime.ts";
import type { PodMemory, StartFailure } from "./memory.ts";
import type { DesiredContainer, DesiredPod } from "./pod_spec.ts";

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
}

/** What to do now, what to say of it, and when to look again if nothing happens before. */
export interface PodPlan {
  readonly actions: readonly PodAction[];
  /** In milliseconds; undefined when only a change can make a difference. */
  readonly requeueAfter?: number;
  /** Containers that do not run and are meant to, by name. */
  readonly waiting: ReadonlyMap<string, Waiting>;
  readonly failure?: PodFailure;
}

/** The pod is to be stopped and removed. */
export interface Deletion {
  readonly graceSeconds: number;
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
  const stop = planDeletion(observed, {
    graceSeconds: desired.terminationGracePeriodSeconds,
  });
  const deadline = untilDeadline(desired, memory, now);
  if (desired.ended) return { actions: stop, waiting: new Map() };
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
  return new Planner(desired, observed, memory, now).result(deadline);
}

/** What stops a pod: every running container, all at the same time. */
export function planDeletion(
  { containers }: ObservedPod,
  { graceSeconds }: Deletion,
): readonly PodAction[] {
  return containers.filter(({ state }) => state.kind === "running").map((
    { name },
  ) => ({ kind: "stopContainer", container: name, graceSeconds }));
}

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
    const init = initProgress(desired, observed);
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
    if (this.#observed.sandbox !== "ready" && this.#starts.length > 0) {
      actions.push({ kind: "createSandbox" });
    }
    if (hasVolumes && this.#memory.volumes === "stale") {
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
    if (seen?.state.kind === "terminated") {
      // An init container that is planned at all has not succeeded yet.
      const policy = isInit ? "OnFailure" : this.#desired.restartPolicy;
      if (!mayRestart(policy, seen.state.exit)) return;
      if (this.#backsOff(container, seen, seen.state.exit)) return;
    }
    const failure = this.#memory.startFailures.get(container.name);
    if (failure && this.#startBacksOff(container, failure)) return;
    if (!isRestart) {
      this.#waiting.set(container.name, { reason: "ContainerCreating" });
    }
    this.#starts.push({
      kind: "startContainer",
      container,
      attempt: isRestart ? seen.attempt + 1 : 0,
      restartsInARow: isRestart ? this.#restartsInARow(seen) + 1 : 0,
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

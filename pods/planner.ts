import { type Backoff, backoffDelay } from "../async/backoff.ts";
import type {
  Exit,
  ObservedContainer,
  ObservedPod,
} from "../providers/runtime.ts";
import { healthOf } from "./health.ts";
import { find, initProgress } from "./init_progress.ts";
import type { PodMemory, StartFailure } from "./memory.ts";
import type { PodAction, PodPlan, StopAction, Waiting } from "./plan.ts";
import { planStop } from "./plan_stop.ts";
import type { DesiredContainer, DesiredPod } from "./pod_spec.ts";
import {
  resetProgress,
  resetRuns,
  restartable,
  restartingAll,
} from "./restart_all.ts";
import { mayRestart, restartsAll, runsAgain } from "./restart_policy.ts";
import { needsSandbox, sandboxRuns } from "./sandbox_runs.ts";
import { startShown, startWait, startWaiting } from "./start_backoff.ts";

/** The kubelet's `MaxContainerBackOff` and `containerBackOffPeriod`. */
const crashLoop: Backoff = { base: 10_000, cap: 300_000 };
/** The kubelet forgets earlier crashes after a run of twice the cap. */
const healthyRun = 600_000;
/** The kubelet's backoff of volume operations (500 ms doubling to 2 min 2 s). */
const mountBackoff: Backoff = { base: 500, cap: 122_000 };

/** Collects the plan of a pod that goes on; lives for one call of {@linkcode planPod}. */
export class Planner {
  readonly #desired: DesiredPod;
  readonly #observed: ObservedPod;
  readonly #memory: PodMemory;
  readonly #now: number;
  /** Only what ran in the pod's sandbox: the rest says nothing of its init containers. */
  readonly #current: ObservedPod;
  /** Runs that make room for new ones, as all containers are started anew. */
  readonly #reset: ReadonlySet<string>;
  readonly #stops: StopAction[] = [];
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
    this.#reset = resetRuns(desired, observed, memory);
    if (this.#planReset()) return;
    const init = initProgress(desired, this.#current, memory.health);
    const { initContainers, containers, ephemeralContainers } = desired;
    if (init.kind === "failed") {
      for (const { name } of containers) this.#uncreated(name);
      this.#stopAll();
      return;
    }
    if (this.#isOver()) {
      this.#stopAll();
      return;
    }
    const next = init.kind === "at" ? init.index : initContainers.length;
    for (const [index, container] of initContainers.entries()) {
      if (index > next) this.#uncreated(container.name);
      // Of those before, the sidecars go on.
      else if (index === next || container.kind === "sidecar") {
        this.#plan(container);
      }
    }
    for (const container of containers) {
      if (init.kind === "at") this.#uncreated(container.name);
      else this.#plan(container);
    }
    if (observed.sandbox !== "ready") return;
    for (const container of ephemeralContainers) this.#plan(container);
  }

  /** Looks for containers that are to run until `deadline` (milliseconds from now), if there is one. */
  result(deadline: number | undefined): PodPlan {
    const actions = [...this.#stops, ...this.#actions()];
    const requeueAfter = Math.min(this.#requeueAfter, deadline ?? Infinity);
    return {
      actions,
      waiting: this.#waiting,
      ...(Number.isFinite(requeueAfter) ? { requeueAfter } : {}),
      ...(this.#observed.sandbox === "stopped" &&
          needsSandbox(this.#desired, this.#observed, this.#memory)
        ? { sandboxChanged: true }
        : {}),
    };
  }

  /**
   * Ends what makes room for new runs: at once, without hooks and in no order; then waits until
   * the container that asked for it may be started again. Says whether that is all for now.
   */
  #planReset(): boolean {
    if (this.#reset.size === 0) return false;
    const containers = restartable(this.#desired);
    for (const { name } of containers) {
      const run = find(this.#observed, name);
      if (run === undefined || !this.#reset.has(run.id)) continue;
      if (run.state.kind !== "running") {
        this.#waiting.set(name, restartingAll);
        continue;
      }
      const stop = { kind: "stopContainer", container: name } as const;
      this.#stops.push({ ...stop, graceSeconds: 0 });
    }
    if (this.#stops.length > 0) return true;
    const reset = resetProgress(this.#desired, this.#observed, this.#memory);
    const isWaiting = reset === "ending" &&
      containers.map((container) => this.#waitsForReset(container))
        .includes(true);
    if (!isWaiting) this.#waiting.clear();
    return isWaiting;
  }

  #waitsForReset(container: DesiredContainer): boolean {
    const run = find(this.#observed, container.name);
    if (run?.state.kind !== "terminated") return false;
    const { exit } = run.state;
    return restartsAll(container, exit) && this.#backsOff(container, run, exit);
  }

  /** Whether all app containers have ended for good: sidecars alone keep no pod alive. */
  #isOver(): boolean {
    return this.#desired.containers.every((container) => {
      const seen = find(this.#current, container.name);
      return seen?.state.kind === "terminated" &&
        !this.#runsAgain(container, seen, seen.state.exit);
    });
  }

  #stopAll(): void {
    const { terminationGracePeriodSeconds: graceSeconds } = this.#desired;
    const stops = planStop(this.#desired, this.#observed, { graceSeconds });
    this.#stops.push(...stops);
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

  /** As the kubelet says of what has no state yet. */
  #uncreated(name: string): void {
    const hasInit = this.#desired.initContainers.length > 0;
    const reason = hasInit ? "PodInitializing" : "ContainerCreating";
    this.#waiting.set(name, { reason });
  }

  #plan(container: DesiredContainer): void {
    const seen = find(this.#observed, container.name);
    if (seen?.state.kind === "running") return this.#keep(container, seen);
    const isRestart = seen !== undefined;
    const isInit = container.kind === "init" || container.kind === "sidecar";
    const isReset = isRestart && this.#reset.has(seen.id);
    const isAnew = isRestart && (isInit || isReset) &&
      !find(this.#current, container.name);
    if (seen?.state.kind === "terminated" && !isAnew) {
      if (!this.#runsAgain(container, seen, seen.state.exit)) return;
      if (this.#backsOff(container, seen, seen.state.exit)) return;
    }
    // A run that could not be started backs off as one that has crashed.
    const isRun = seen?.state.kind === "terminated" &&
      seen.state.exit.reason === "StartError";
    if (isRun) this.#showStartFailure(container);
    else if (this.#startBacksOff(container)) return;
    if (isAnew) this.#uncreated(container.name);
    if (!isRestart && !this.#waiting.has(container.name)) {
      this.#uncreated(container.name);
    }
    const asksForReset = isReset && seen.state.kind === "terminated" &&
      restartsAll(container, seen.state.exit);
    this.#starts.push({
      kind: "startContainer",
      container,
      attempt: isRestart ? seen.attempt + 1 : 0,
      restartsInARow: isRestart && (!isAnew || asksForReset)
        ? this.#restartsInARow(seen) + 1
        : 0,
    });
  }

  /** Ends a run that its probes give up, or that is of another image by now. */
  #keep(container: DesiredContainer, run: ObservedContainer): void {
    const { kind, name, image } = container;
    const { terminationGracePeriodSeconds } = this.#desired;
    const stop = { kind: "stopContainer", container: name } as const;
    if ((kind === "app" || kind === "sidecar") && run.image !== image) {
      this.#stops.push({
        ...stop,
        graceSeconds: terminationGracePeriodSeconds,
        message: `Container ${name} definition changed, will be restarted`,
        startsAgain: true,
      });
      return;
    }
    const { failed } = healthOf(container, run, this.#memory.health);
    if (failed === undefined) return;
    const { probe, graceSeconds = terminationGracePeriodSeconds } = failed;
    const restarts = mayRestart(container, this.#desired, { code: killed });
    const end = restarts ? ", will be restarted" : "";
    this.#stops.push({
      ...stop,
      graceSeconds,
      message: `Container ${name} failed ${probe} probe${end}`,
    });
  }

  #runsAgain(
    container: DesiredContainer,
    { id }: ObservedContainer,
    exit: Exit,
  ): boolean {
    return runsAgain(container, { id, exit }, this.#desired, this.#memory);
  }

  #backsOff(
    { name }: DesiredContainer,
    seen: ObservedContainer,
    exit: Exit,
  ): boolean {
    // What the node has ended has not crashed.
    if (this.#memory.replacedRuns.has(seen.id)) return false;
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

  /**
   * Restarts in a row up to the run seen; a long run makes them forgotten, and so does one that
   * the node has ended.
   */
  #restartsInARow({ id, name, attempt, state }: ObservedContainer): number {
    if (this.#memory.replacedRuns.has(id)) return 0;
    if (state.kind === "terminated") {
      const { startedAt, finishedAt } = state.exit;
      if (finishedAt.getTime() - startedAt.getTime() >= healthyRun) return 0;
    }
    return this.#memory.restartsInARow.get(name) ?? attempt;
  }

  #startBacksOff(container: DesiredContainer): boolean {
    const failure = this.#showStartFailure(container);
    if (failure === undefined) return false;
    this.#untilRetry(failure.at, startShown(failure));
    return this.#untilRetry(failure.at, startWait(failure)) > 0;
  }

  /** Says why the last attempt to start a container failed; undefined if it did not. */
  #showStartFailure(
    { name, image }: DesiredContainer,
  ): StartFailure | undefined {
    const failure = this.#memory.startFailures.get(name);
    // Another image is another matter.
    if (failure === undefined || failure.image !== image) return undefined;
    this.#waiting.set(name, startWaiting(failure, this.#now));
    return failure;
  }

  /** Milliseconds until `ms` after `since`; the plan is looked at again then. */
  #untilRetry(since: Date, ms: number): number {
    const wait = Math.max(0, since.getTime() + ms - this.#now);
    if (wait > 0) this.#requeueAfter = Math.min(this.#requeueAfter, wait);
    return wait;
  }
}

/** The exit code of what SIGKILL ended. */
const killed = 137;

/** As Go prints durations of whole seconds: 10s, 1m20s, 5m0s. */
function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds % 60}s`;
}

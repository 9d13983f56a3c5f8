import { messageOf } from "../async/message_of.ts";
import type { AbortOptions } from "../async/abort.ts";
import type { TaskGroup } from "../async/task_group.ts";
import type { ContainerRef, ObservedPod } from "../providers/runtime.ts";
import { ContainerStops, type StopOptions } from "./container_stops.ts";
import { type HookKind, hookOf } from "./hooks.ts";
import {
  type PodMemory,
  withMount,
  withMountFailure,
  withNewSandbox,
  withReplacedRun,
  withStaleVolumes,
  withStart,
  withStartFailure,
  withVolumes,
} from "./memory.ts";
import { MountError } from "./mount_error.ts";
import type { PodAction, StopAction } from "./plan.ts";
import {
  createSandbox,
  lacksClusterDns,
  setVolumes,
  type StartAction,
  startContainer,
  type SyncContext,
} from "./pod_actions.ts";
import type { PodEvents } from "./pod_events.ts";
import { runPodHook } from "./pod_hooks.ts";
import {
  containersOf,
  type DesiredContainer,
  type DesiredPod,
} from "./pod_spec.ts";
import { isUnreachable } from "./unreachable.ts";

/** What a step may use besides the pod. */
export interface StepOptions extends AbortOptions {
  /** For work that outlives the sync: stopping containers. */
  readonly group: TaskGroup;
  /** Asks for another sync. */
  retry(options?: { readonly after?: number }): void;
}

/** One pod as it should be, and what is remembered of the way there. */
export interface PodState {
  desired: DesiredPod;
  memory: PodMemory;
}

/** Takes the steps of one pod's plans, and remembers how they went. */
export class PodSteps {
  readonly #state: PodState;
  readonly #context: SyncContext;
  readonly #events: PodEvents;
  readonly #stops: ContainerStops;
  /** Aborted when the pod ends: what was being started need not be. */
  readonly #starting = new AbortController();

  constructor(state: PodState, context: SyncContext, events: PodEvents) {
    this.#state = state;
    this.#context = context;
    this.#events = events;
    this.#stops = new ContainerStops(context.runtime);
  }

  /** Takes note of what still runs. */
  observe(observed: ObservedPod): void {
    this.#stops.observe(observed);
  }

  /** Gives up what is being started: the pod ends, for that reason. */
  end(why: string): void {
    this.#starting.abort(new DOMException(why, "AbortError"));
  }

  /** Takes the steps in their order; stops go on in the background. */
  async take(
    actions: readonly PodAction[],
    observed: ObservedPod,
    options: StepOptions,
  ): Promise<void> {
    const signal = AbortSignal.any([options.signal, this.#starting.signal]);
    this.#stopSidecars(actions, observed, options);
    for (const action of actions) {
      if (action.kind === "stopContainer") {
        this.#stop(action, observed, options);
        continue;
      }
      if (signal.aborted) return;
      try {
        const goOn = await this.#prepare(action, observed, {
          ...options,
          signal,
        });
        if (!goOn) return;
      } catch (error) {
        // A deletion interrupts what was being started; that is not a failure.
        if (!this.#starting.signal.aborted) throw error;
      }
    }
  }

  /**
   * Lets the hooks of the sidecars of a pod that ends begin with those of the others, as in a
   * kubelet, though their turn to end comes later; once the pod's time is over, it has come.
   */
  #stopSidecars(
    actions: readonly PodAction[],
    observed: ObservedPod,
    options: StepOptions,
  ): void {
    const stops = actions.filter((action) => action.kind === "stopContainer");
    const first = stops.find(({ ofPod }) => ofPod);
    if (first === undefined) return;
    const isOver = this.#stops.isPodOver(first.graceSeconds);
    for (const { kind, name } of this.#state.desired.initContainers) {
      const isStopped = stops.some(({ container }) => container === name);
      const runs = observed.containers.some((container) =>
        container.name === name && container.state.kind === "running"
      );
      if (kind !== "sidecar" || !runs || isStopped) continue;
      const action = { ...first, container: name };
      if (isOver) this.#stop(action, observed, options);
      else this.#stops.prepare(...this.#stopOf(action, observed, options));
    }
  }

  #stop(
    action: StopAction,
    observed: ObservedPod,
    options: StepOptions,
  ): void {
    const { container, startsAgain = false } = action;
    const { containers } = observed;
    const run = containers.find(({ name }) => name === container);
    if (startsAgain && run !== undefined) {
      this.#state.memory = withReplacedRun(this.#state.memory, run.id);
    }
    this.#stops.stop(...this.#stopOf(action, observed, options));
  }

  #stopOf(
    action: StopAction,
    observed: ObservedPod,
    { group, retry }: StepOptions,
  ): [ContainerRef, StopOptions] {
    const { container } = action;
    const { desired } = this.#state;
    return [{ podUid: desired.uid, container }, {
      ...action,
      group,
      record: this.#events.ofContainer(desired, container),
      preStop: (options) =>
        this.#runHook("preStop", container, observed, options),
      retry,
    }];
  }

  async #runHook(
    kind: HookKind,
    container: string,
    { ips }: ObservedPod,
    { signal }: AbortOptions,
  ): Promise<boolean> {
    const spec = containersOf(this.#state.desired)
      .find(({ name }) => name === container)?.spec;
    if (spec === undefined) return true;
    const { runtime, node } = this.#context;
    const podIp = ips[0] ?? node().ips[0] ?? "127.0.0.1";
    const target = {
      podUid: this.#state.desired.uid,
      podIp,
      hasOwnIp: ips.length > 0,
      container: spec,
    };
    const record = this.#events.ofContainer(this.#state.desired, container);
    return await runPodHook(runtime, kind, target, { record, signal });
  }

  /** Performs an action that can be given up; false when those after it make no sense. */
  async #prepare(
    action: Exclude<PodAction, { kind: "stopContainer" }>,
    observed: ObservedPod,
    options: StepOptions,
  ): Promise<boolean> {
    switch (action.kind) {
      case "createSandbox":
        await this.#createSandbox(observed, options);
        return true;
      case "setVolumes":
        return await this.#setVolumes(options);
      case "startContainer":
        if (await this.#startContainer(action, options)) {
          await this.#postStart(action.container, options);
        }
        return true;
    }
  }

  async #createSandbox(
    { containers }: ObservedPod,
    options: AbortOptions,
  ): Promise<void> {
    const desired = this.#state.desired;
    if (lacksClusterDns(this.#context, desired)) {
      this.#events.warnNoClusterDns(desired);
    }
    try {
      await createSandbox(this.#context, desired, {
        ...options,
        warnOfDns: (message) =>
          this.#events.warn(desired, "DNSConfigForming", message),
      });
    } catch (error) {
      if (!options.signal.aborted && !isUnreachable(error)) {
        const message = `Failed to create pod sandbox: ${messageOf(error)}`;
        this.#events.warn(desired, "FailedCreatePodSandBox", message);
      }
      throw error;
    }
    this.#state.memory = withNewSandbox(this.#state.memory, containers);
  }

  async #setVolumes(options: AbortOptions): Promise<boolean> {
    // Marked first: an object that changes meanwhile makes them stale again.
    this.#state.memory = withVolumes(this.#state.memory);
    try {
      await setVolumes(this.#context, this.#state.desired, options);
      this.#state.memory = withMount(this.#state.memory);
      return true;
    } catch (error) {
      if (options.signal.aborted || !(error instanceof MountError)) {
        this.#state.memory = withStaleVolumes(this.#state.memory);
        throw error;
      }
      const { message } = error;
      this.#state.memory = withMountFailure(
        this.#state.memory,
        new Date(),
        message,
      );
      this.#events.warn(this.#state.desired, "FailedMount", message);
      return false;
    }
  }

  /** Runs the hook of a container that has just started; one that fails is the container's end. */
  async #postStart(
    { name, spec }: DesiredContainer,
    options: StepOptions,
  ): Promise<void> {
    if (hookOf(spec, "postStart") === undefined) return;
    const { uid, terminationGracePeriodSeconds } = this.#state.desired;
    const observed = await this.#context.runtime.observe(uid, options);
    if (await this.#runHook("postStart", name, observed, options)) return;
    this.#stop(
      {
        kind: "stopContainer",
        container: name,
        graceSeconds: terminationGracePeriodSeconds,
        message: "FailedPostStartHook",
      },
      observed,
      options,
    );
  }

  async #startContainer(
    action: StartAction,
    options: AbortOptions,
  ): Promise<boolean> {
    const { name } = action.container;
    const record = this.#events.ofContainer(this.#state.desired, name);
    const failure = await startContainer(
      this.#context,
      this.#state.desired,
      action,
      {
        ...options,
        record,
        recordPod: (type, reason, message) =>
          this.#events.record(this.#state.desired, { type, reason, message }),
        warn: (message) =>
          this.#events.warn(
            this.#state.desired,
            "FailedToRetrieveImagePullSecret",
            message,
          ),
      },
    );
    this.#state.memory = failure === undefined
      ? withStart(this.#state.memory, name, action.restartsInARow)
      : withStartFailure(this.#state.memory, name, failure);
    return failure === undefined;
  }
}

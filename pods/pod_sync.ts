import { messageOf } from "../async/message_of.ts";
import { isDeepStrictEqual } from "node:util";
import type { AbortOptions } from "../async/abort.ts";
import type { TaskGroup } from "../async/task_group.ts";
import type { Pod, PodStatus } from "../k8s/types.ts";
import type { Refusal } from "../providers/provider.ts";
import type { ObservedPod, PodIdentity } from "../providers/runtime.ts";
import { ContainerStops } from "./container_stops.ts";
import {
  newMemory,
  type PodMemory,
  withChangedObjects,
  withFailure,
  withMount,
  withMountFailure,
  withNewSandbox,
  withStaleVolumes,
  withStart,
  withStartFailure,
  withVolumes,
} from "./memory.ts";
import { MountError } from "./mount_error.ts";
import {
  planPod,
  type PodAction,
  type PodFailure,
  type PodPlan,
} from "./plan.ts";
import { planStop } from "./plan_stop.ts";
import {
  createSandbox,
  type EngineContext,
  lacksClusterDns,
  podRefusals,
  setVolumes,
  type StartAction,
  startContainer,
} from "./pod_actions.ts";
import { PodEvents } from "./pod_events.ts";
import { type DesiredPod, desiredPod } from "./pod_spec.ts";
import { withPublished } from "./published.ts";
import { podStatus } from "./status.ts";
import { withLogMessages } from "./termination_message.ts";
import { isUnreachable } from "./unreachable.ts";

/** What a sync may use besides the pod. */
export interface SyncOptions extends AbortOptions {
  /** For work that outlives the sync: stopping containers. */
  readonly group: TaskGroup;
  /** Says that the status has changed in the middle of a sync. */
  report(): void;
  /** Asks for another sync. */
  retry(options?: { readonly after?: number }): void;
}

/** How the engine goes on with a pod. */
export type NextSync =
  | { readonly kind: "again"; readonly after?: number }
  | { readonly kind: "gone" };

/** One pod in the engine: what is wanted, what is remembered, and one pass towards it. */
export class PodSync {
  readonly #context: EngineContext;
  readonly #deleted = Promise.withResolvers<PodStatus | undefined>();
  /** Aborted when the pod is deleted: what was being started need not be. */
  readonly #starting = new AbortController();
  readonly #stops: ContainerStops;
  /** Termination messages taken from logs, by the ID of the run. */
  readonly #logMessages = new Map<string, string>();
  readonly #events: PodEvents;
  /** Fields whose refusal was recorded. */
  readonly #refusedFields = new Set<string>();
  #desired: DesiredPod;
  #refusals: readonly Refusal[] = [];
  #memory: PodMemory;
  #status: PodStatus | undefined;
  #deletionGraceSeconds: number | undefined;

  constructor(pod: Pod, context: EngineContext) {
    this.#context = context;
    this.#events = new PodEvents(context.events);
    this.#stops = new ContainerStops(context.runtime);
    this.#desired = desiredPod(pod);
    const { startTime } = pod.status ?? {};
    this.#memory = newMemory(startTime ? new Date(startTime) : new Date());
    this.#refuse();
  }

  get identity(): PodIdentity {
    const { uid, namespace, name } = this.#desired;
    return { uid, namespace, name };
  }

  /** The last status made; undefined before the first sync. */
  get status(): PodStatus | undefined {
    return this.#status;
  }

  /** Takes a newer version of the pod. */
  update(pod: Pod): void {
    this.#desired = desiredPod(pod);
    this.objectsChanged();
    this.#refuse();
  }

  /** Something that the pod refers to has changed, or itself: its volumes are made anew. */
  objectsChanged(): void {
    const { imagePullSecrets = [] } = this.#desired.pod.spec ?? {};
    const openRegistry = imagePullSecrets.length > 0;
    this.#memory = withChangedObjects(this.#memory, { openRegistry });
  }

  /** Ends the pod as failed, whatever its containers say; the first failure counts. */
  fail(failure: PodFailure): void {
    this.#memory = withFailure(this.#memory, failure);
  }

  /** Asks for the pod's end; resolves with its last status when all of it is gone. */
  delete(graceSeconds: number): Promise<PodStatus | undefined> {
    this.#deletionGraceSeconds = Math.min(
      this.#deletionGraceSeconds ?? Infinity,
      graceSeconds,
    );
    this.#starting.abort(new DOMException("Pod is deleted", "AbortError"));
    return this.#deleted.promise;
  }

  /** One pass: observe, plan, act, make the status. */
  async sync(options: SyncOptions): Promise<NextSync> {
    const observed = await this.#observe(options);
    if (this.#deletionGraceSeconds !== undefined) {
      return await this.#syncDeletion(observed, options);
    }
    if (this.#refusals.length > 0) {
      this.#setStatus(observed, refusedPlan(this.#desired, this.#refusals));
      return { kind: "again" };
    }
    const plan = this.#plan(observed);
    this.#events.recordSandbox(this.#desired, plan);
    if (plan.actions.length === 0) return this.#conclude(observed, plan);
    // Acting may take long (a pull): what is known now is said before.
    if (this.#setStatus(observed, plan)) options.report();
    await this.#perform(plan.actions, observed, options);
    const after = await this.#observe(options);
    const rest = this.#plan(after);
    this.#conclude(after, rest);
    const more = rest.actions.some(({ kind }) => kind !== "stopContainer");
    return more ? { kind: "again", after: 0 } : again(rest);
  }

  /** Says which fields cannot be honoured; what runs already goes on without them. */
  #refuse(): void {
    const refusals = podRefusals(this.#desired.pod, this.#context);
    for (const { field, message } of refusals) {
      if (this.#refusedFields.has(field)) continue;
      this.#refusedFields.add(field);
      const text = `${field}: ${message}`;
      this.#events.warn(this.#desired, "UnsupportedField", text);
    }
    const { containerStatuses = [] } = this.#status ??
      this.#desired.pod.status ??
      {};
    const started = containerStatuses.some(({ containerID }) =>
      containerID !== undefined
    );
    if (!started) this.#refusals = refusals;
  }

  #plan(observed: ObservedPod): PodPlan {
    return planPod(this.#desired, observed, this.#memory, new Date());
  }

  #conclude(observed: ObservedPod, plan: PodPlan): NextSync {
    this.#events.recordBackoff(this.#desired, plan);
    this.#setStatus(observed, plan);
    return again(plan);
  }

  async #observe({ signal }: AbortOptions): Promise<ObservedPod> {
    const { uid, pod } = this.#desired;
    const { runtime } = this.#context;
    const observed = await runtime.observe(uid, { signal });
    this.#stops.observe(observed);
    return withPublished(
      await withLogMessages(observed, {
        desired: this.#desired,
        runtime,
        messages: this.#logMessages,
        signal,
      }),
      this.#status ?? pod.status,
      new Date(),
    );
  }

  async #syncDeletion(
    observed: ObservedPod,
    options: SyncOptions,
  ): Promise<NextSync> {
    const graceSeconds = this.#deletionGraceSeconds ?? 0;
    const stops = planStop(this.#desired, observed, { graceSeconds });
    const plan: PodPlan = { actions: stops, waiting: new Map() };
    if (stops.length > 0) {
      await this.#perform(stops, observed, options);
      this.#setStatus(observed, plan);
      return { kind: "again" };
    }
    this.#setStatus(observed, plan, { stopped: true });
    const { uid } = this.#desired;
    await this.#context.runtime.removeSandbox(uid, options);
    this.#context.objects.release(uid);
    this.#deleted.resolve(this.#status);
    return { kind: "gone" };
  }

  async #perform(
    actions: readonly PodAction[],
    observed: ObservedPod,
    options: SyncOptions,
  ): Promise<void> {
    const signal = AbortSignal.any([options.signal, this.#starting.signal]);
    for (const action of actions) {
      if (action.kind === "stopContainer") {
        const { container, graceSeconds } = action;
        this.#stops.stop({ podUid: this.#desired.uid, container }, {
          graceSeconds,
          group: options.group,
          record: this.#events.ofContainer(this.#desired, container),
          retry: options.retry,
        });
        continue;
      }
      if (signal.aborted) return;
      try {
        const goOn = await this.#prepare(action, observed, { signal });
        if (!goOn) return;
      } catch (error) {
        // A deletion interrupts what was being started; that is not a failure.
        if (!this.#starting.signal.aborted) throw error;
      }
    }
  }

  /** Performs an action that can be given up; false when those after it make no sense. */
  async #prepare(
    action: Exclude<PodAction, { kind: "stopContainer" }>,
    observed: ObservedPod,
    options: AbortOptions,
  ): Promise<boolean> {
    switch (action.kind) {
      case "createSandbox":
        await this.#createSandbox(observed, options);
        return true;
      case "setVolumes":
        return await this.#setVolumes(options);
      case "startContainer":
        await this.#startContainer(action, options);
        return true;
    }
  }

  async #createSandbox(
    { containers }: ObservedPod,
    options: AbortOptions,
  ): Promise<void> {
    const desired = this.#desired;
    if (lacksClusterDns(this.#context, desired)) {
      const { name, namespace, uid } = desired;
      this.#events.warn(
        desired,
        "MissingClusterDNS",
        `pod: "${name}_${namespace}(${uid})". kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.`,
      );
    }
    try {
      await createSandbox(this.#context, desired, options);
    } catch (error) {
      if (!options.signal.aborted && !isUnreachable(error)) {
        const message = `Failed to create pod sandbox: ${messageOf(error)}`;
        this.#events.warn(desired, "FailedCreatePodSandBox", message);
      }
      throw error;
    }
    this.#memory = withNewSandbox(this.#memory, containers);
  }

  async #setVolumes(options: AbortOptions): Promise<boolean> {
    // Marked first: an object that changes meanwhile makes them stale again.
    this.#memory = withVolumes(this.#memory);
    try {
      await setVolumes(this.#context, this.#desired, options);
      this.#memory = withMount(this.#memory);
      return true;
    } catch (error) {
      if (options.signal.aborted || !(error instanceof MountError)) {
        this.#memory = withStaleVolumes(this.#memory);
        throw error;
      }
      const { message } = error;
      this.#memory = withMountFailure(this.#memory, new Date(), message);
      this.#events.warn(this.#desired, "FailedMount", message);
      return false;
    }
  }

  async #startContainer(
    action: StartAction,
    options: AbortOptions,
  ): Promise<void> {
    const { name } = action.container;
    const record = this.#events.ofContainer(this.#desired, name);
    const failure = await startContainer(
      this.#context,
      this.#desired,
      action,
      {
        ...options,
        record,
        warn: (message) =>
          this.#events.warn(
            this.#desired,
            "FailedToRetrieveImagePullSecret",
            message,
          ),
      },
    );
    this.#memory = failure === undefined
      ? withStart(this.#memory, name, action.restartsInARow)
      : withStartFailure(this.#memory, name, failure);
  }

  /** Makes the status; says whether it differs from the one before. */
  #setStatus(
    observed: ObservedPod,
    plan: PodPlan,
    { stopped = false }: { readonly stopped?: boolean } = {},
  ): boolean {
    const before = this.#status ?? this.#desired.pod.status;
    const status = podStatus({
      desired: this.#desired,
      observed,
      plan,
      memory: this.#memory,
      before,
      nodeIps: this.#context.node().ips,
      runtimeName: this.#context.runtimeName,
      stopped,
    }, new Date());
    if (isDeepStrictEqual(this.#status, status)) return false;
    this.#status = status;
    return true;
  }
}

function again({ requeueAfter }: PodPlan): NextSync {
  return requeueAfter === undefined
    ? { kind: "again" }
    : { kind: "again", after: requeueAfter };
}

/** A refused pod waits, saying why: a Failed one would be replaced by its controller for ever. */
function refusedPlan(
  { initContainers, containers }: DesiredPod,
  refusals: readonly Refusal[],
): PodPlan {
  const message = refusals.map(({ field, message }) => `${field}: ${message}`)
    .join("; ");
  return {
    actions: [],
    waiting: new Map([...initContainers, ...containers].map(({ name }) => [
      name,
      { reason: "CreateContainerConfigError", message },
    ])),
  };
}

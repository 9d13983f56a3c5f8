import { isDeepStrictEqual } from "node:util";
import type { Pod, PodStatus } from "../k8s/types.ts";
import type { Refusal } from "../providers/provider.ts";
import type { ObservedPod, PodIdentity } from "../providers/runtime.ts";
import {
  newMemory,
  withChangedObjects,
  withFailure,
  withHealth,
  withResetRuns,
} from "./memory.ts";
import { planPod, type PodFailure, type PodPlan } from "./plan.ts";
import { planStop } from "./plan_stop.ts";
import { podIgnored, podRefusals, type SyncContext } from "./pod_actions.ts";
import { PodEvents } from "./pod_events.ts";
import { PodPlace } from "./pod_place.ts";
import { PodProbes } from "./pod_probes.ts";
import { PodRelease } from "./pod_release.ts";
import { type DesiredPod, desiredPod, hasEnded } from "./pod_spec.ts";
import { type PodState, PodSteps, type StepOptions } from "./pod_steps.ts";
import { withPublished } from "./published.ts";
import { resetRuns } from "./restart_all.ts";
import { podStatus } from "./status.ts";
import { withLogMessages } from "./termination_message.ts";

/** What a sync may use besides the pod. */
export interface SyncOptions extends StepOptions {
  /** Says that the status has changed in the middle of a sync. */
  report(): void;
}

/** How the engine goes on with a pod. */
export type NextSync =
  | { readonly kind: "again"; readonly after?: number }
  | { readonly kind: "gone" };

/** One pod in the engine: what is wanted, what is remembered, and one pass towards it. */
export class PodSync {
  readonly #context: SyncContext;
  readonly #deleted = Promise.withResolvers<PodStatus | undefined>();
  readonly #probes: PodProbes;
  readonly #release: PodRelease;
  /** Termination messages taken from logs, by the ID of the run. */
  readonly #logMessages = new Map<string, string>();
  readonly #events: PodEvents;
  readonly #place: PodPlace;
  readonly #state: PodState;
  readonly #steps: PodSteps;
  /** Fields that a warning was recorded of. */
  readonly #warnedFields = new Set<string>();
  #refusals: readonly Refusal[] = [];
  #status: PodStatus | undefined;
  #deletionGraceSeconds: number | undefined;

  constructor(pod: Pod, context: SyncContext) {
    this.#context = context;
    this.#events = new PodEvents(context.events);
    this.#probes = new PodProbes(context.runtime, context.probeMetrics);
    this.#release = new PodRelease(context.runtime);
    this.#place = new PodPlace(pod, {
      context,
      admitted: context.admitted,
      preemptor: context.preemptor,
      record: (type, reason, message) =>
        this.#events.record(this.#state.desired, { type, reason, message }),
    });
    const { startTime } = pod.status ?? {};
    this.#state = {
      desired: desiredPod(this.#place.granted),
      memory: newMemory(startTime ? new Date(startTime) : new Date()),
    };
    this.#steps = new PodSteps(this.#state, context, this.#events);
    this.#refuse();
  }

  get identity(): PodIdentity {
    const { uid, namespace, name } = this.#state.desired;
    return { uid, namespace, name };
  }

  /** The last status made; undefined before the first sync. */
  get status(): PodStatus | undefined {
    return this.#status;
  }

  /** Takes a newer version of the pod. */
  update(pod: Pod): void {
    this.#place.update(pod);
    this.#state.desired = desiredPod(this.#place.granted);
    this.objectsChanged();
    this.#refuse();
  }

  /** Something that the pod refers to has changed, or itself: its volumes are made anew. */
  objectsChanged(): void {
    const { imagePullSecrets = [] } = this.#state.desired.pod.spec ?? {};
    const openRegistry = imagePullSecrets.length > 0;
    this.#state.memory = withChangedObjects(this.#state.memory, {
      openRegistry,
    });
  }

  get pod(): Pod {
    return this.#state.desired.pod;
  }

  /** Whether it has not ended and nobody has asked it to. */
  get isActive(): boolean {
    return !this.#isEnding && this.#deletionGraceSeconds === undefined &&
      !hasEnded({ status: this.#status ?? {} });
  }

  /** Whether its status says that it has ended. */
  get hasEnded(): boolean {
    return this.#state.desired.ended ||
      hasEnded({ status: this.#status ?? {} });
  }

  /** Whether it has ended, and let go of what it held. */
  get isOver(): boolean {
    return this.#release.isDone;
  }

  /** Ends the pod as failed, whatever its containers say; the first failure counts. */
  fail(failure: PodFailure): void {
    this.#state.memory = withFailure(this.#state.memory, failure);
    const { graceSeconds } = failure;
    if (graceSeconds !== undefined && this.#deletionGraceSeconds) {
      this.#deletionGraceSeconds = Math.min(
        this.#deletionGraceSeconds,
        graceSeconds,
      );
    }
    this.#steps.end("Pod is ended");
  }

  /** Asks for the pod's end; resolves with its last status when all of it is gone. */
  delete(graceSeconds: number): Promise<PodStatus | undefined> {
    this.#deletionGraceSeconds = Math.min(
      this.#deletionGraceSeconds ?? Infinity,
      graceSeconds,
    );
    this.#steps.end("Pod is deleted");
    return this.#deleted.promise;
  }

  /** One pass: observe, plan, act, make the status. */
  async sync(options: SyncOptions): Promise<NextSync> {
    const observed = await this.#observe(options);
    if (this.#deletionGraceSeconds !== undefined) {
      return await this.#syncDeletion(observed, options);
    }
    const elsewhere = this.#settle(observed);
    if (elsewhere !== undefined) return elsewhere;
    if (this.#refusals.length > 0 && !this.#isEnding) {
      this.#setStatus(
        observed,
        refusedPlan(this.#state.desired, this.#refusals),
      );
      return { kind: "again" };
    }
    const plan = this.#plan(observed);
    this.#events.recordPlan(this.#state.desired, plan);
    const resize = await this.#place.resize(
      this.#state.desired,
      observed,
      options,
    );
    const actions = [...plan.actions, ...resize];
    if (actions.length === 0) {
      const next = this.#conclude(observed, plan);
      if (this.#isEnding) {
        options.report();
        await this.#release.run(observed, options);
      }
      return next;
    }
    // Acting may take long (a pull): what is known now is said before.
    if (this.#setStatus(observed, plan)) options.report();
    await this.#steps.take(actions, observed, options);
    const after = await this.#observe(options);
    const rest = this.#plan(after);
    this.#conclude(after, rest);
    const more = rest.actions.some(({ kind }) => kind !== "stopContainer");
    return more ? { kind: "again", after: 0 } : again(rest);
  }

  get #isEnding(): boolean {
    return this.#state.desired.ended ||
      this.#state.memory.failure !== undefined;
  }

  /** Gets the pod its place on the node; what comes next where it has none, or not yet. */
  #settle(observed: ObservedPod): NextSync | undefined {
    const placement = this.#place.settle(observed);
    switch (placement.kind) {
      case "taken":
        if (this.#place.granted === this.#state.desired.pod) return undefined;
        this.#state.desired = desiredPod(this.#place.granted);
        return undefined;
      case "rejected":
        return this.#conclude(observed, { actions: [], waiting: new Map() });
      case "later":
        return { ...placement, kind: "again" };
    }
  }

  /** Says which fields cannot be honoured; what runs already goes on without them. */
  #refuse(): void {
    const { pod } = this.#state.desired;
    const refusals = podRefusals(pod, this.#context);
    this.#warnOfFields("UnsupportedField", refusals);
    this.#warnOfFields("IgnoredField", podIgnored(pod, this.#context));
    const { containerStatuses = [] } = this.#status ??
      this.#state.desired.pod.status ??
      {};
    const started = containerStatuses.some(({ containerID }) =>
      containerID !== undefined
    );
    if (!started) this.#refusals = refusals;
  }

  #warnOfFields(reason: string, fields: readonly Refusal[]): void {
    for (const { field, message } of fields) {
      if (this.#warnedFields.has(field)) continue;
      this.#warnedFields.add(field);
      this.#events.warn(this.#state.desired, reason, `${field}: ${message}`);
    }
  }

  #plan(observed: ObservedPod): PodPlan {
    const { desired, memory } = this.#state;
    return planPod(desired, observed, memory, new Date());
  }

  #conclude(observed: ObservedPod, plan: PodPlan): NextSync {
    this.#events.recordBackoff(this.#state.desired, plan);
    this.#setStatus(observed, plan);
    return again(plan);
  }

  async #observe(options: SyncOptions): Promise<ObservedPod> {
    const { signal } = options;
    const { uid, pod } = this.#state.desired;
    const { runtime } = this.#context;
    const observed = await runtime.observe(uid, { signal });
    this.#steps.observe(observed);
    this.#place.observe(observed, this.#status ?? pod.status);
    const published = this.#status ?? pod.status;
    const seen = withPublished(
      await withLogMessages(observed, {
        desired: this.#state.desired,
        runtime,
        messages: this.#logMessages,
        signal,
      }),
      published,
      new Date(),
    );
    this.#probes.keep(seen, {
      ...options,
      desired: this.#state.desired,
      published,
      nodeIps: this.#context.node().ips,
      ending: this.#isEnding || this.#deletionGraceSeconds !== undefined,
      recordOf: (name) => this.#events.ofContainer(this.#state.desired, name),
    });
    this.#state.memory = withHealth(this.#state.memory, this.#probes.health);
    const { desired, memory } = this.#state;
    const reset = resetRuns(desired, seen, memory);
    this.#state.memory = withResetRuns(memory, reset);
    return seen;
  }

  async #syncDeletion(
    observed: ObservedPod,
    options: SyncOptions,
  ): Promise<NextSync> {
    const graceSeconds = this.#deletionGraceSeconds ?? 0;
    const stops = planStop(this.#state.desired, observed, { graceSeconds });
    const { failure } = this.#state.memory;
    const plan: PodPlan = {
      actions: stops,
      waiting: new Map(),
      ...(failure && { failure }),
    };
    if (stops.length > 0) {
      await this.#steps.take(stops, observed, options);
      this.#setStatus(observed, plan);
      return { kind: "again" };
    }
    this.#setStatus(observed, plan, { stopped: true });
    const { uid } = this.#state.desired;
    await this.#context.runtime.removeSandbox(uid, options);
    this.#probes.stop(uid);
    this.#context.objects.release(uid);
    this.#place.release();
    this.#deleted.resolve(this.#status);
    return { kind: "gone" };
  }

  /** Makes the status; says whether it differs from the one before. */
  #setStatus(
    observed: ObservedPod,
    plan: PodPlan,
    { stopped = false }: { readonly stopped?: boolean } = {},
  ): boolean {
    const before = this.#status ?? this.#state.desired.pod.status;
    const status = this.#place.status(
      podStatus({
        desired: this.#state.desired,
        observed,
        plan,
        memory: this.#state.memory,
        before,
        nodeIps: this.#context.node().ips,
        runtimeName: this.#context.runtimeName,
        stopped,
      }, new Date()),
      before,
    );
    this.#place.look(status, observed);
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

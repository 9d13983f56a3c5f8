import type { AbortOptions } from "../async/abort.ts";
import type { Pod, PodStatus } from "../k8s/types.ts";
import type { ObservedPod } from "../providers/runtime.ts";
import { rejectedStatus, type Rejection, wasRejected } from "./admission.ts";
import type { AdmittedPods } from "./admitted_pods.ts";
import { isCriticalPod } from "./critical_pod.ts";
import { type EngineContext, podRefusals } from "./pod_actions.ts";
import type { PodAction } from "./plan.ts";
import { PodResize, type RecordPodEvent } from "./pod_resize.ts";
import { type DesiredPod, hasEnded, podIdentity } from "./pod_spec.ts";
import type { Preemptor } from "./preemptor.ts";

/** What {@linkcode PodPlace} works with. */
export interface PlaceContext {
  readonly context: EngineContext;
  readonly admitted: AdmittedPods;
  readonly preemptor: Preemptor;
  readonly record: RecordPodEvent;
}

/** Whether a pod has its place on the node. */
export type Placement =
  | { readonly kind: "taken" }
  | { readonly kind: "rejected" }
  | {
    /** What is known of the node may be out of date, or others make room. */
    readonly kind: "later";
    /** In milliseconds; undefined if there is news first. */
    readonly after?: number;
  };

/** A Node's labels may reach its agent a little later than a pod that asks for them. */
const nodeNews = 1_000;
/** The kubelet's `retryDelay` of changes that wait for room. */
const deferredRetry = 180_000;
/** How long after a change that failed it is tried again. */
const failedRetry = 10_000;

/** One pod's place on its node: whether the node takes it, and what it has granted to it. */
export class PodPlace {
  readonly #uid: string;
  readonly #context: EngineContext;
  readonly #admitted: AdmittedPods;
  readonly #preemptor: Preemptor;
  readonly #record: RecordPodEvent;
  readonly #resize: PodResize;
  #granted: Pod;
  #rejection: Rejection | undefined;
  /** UIDs of the pods that make room for this one. */
  #victims: readonly string[] = [];
  #askedAgain = false;
  #released = false;

  constructor(
    pod: Pod,
    { context, admitted, preemptor, record }: PlaceContext,
  ) {
    this.#uid = podIdentity(pod).uid;
    this.#context = context;
    this.#admitted = admitted;
    this.#preemptor = preemptor;
    this.#record = record;
    this.#resize = new PodResize(pod);
    this.#granted = this.#resize.granted;
    this.#rejection = publishedRejection(pod);
    this.#released = hasEnded(pod);
    // One that was taken before counts before any other is judged.
    if (pod.status?.startTime !== undefined) this.#add();
  }

  /** The pod as its node has granted it; the same object until that changes. */
  get granted(): Pod {
    return this.#granted;
  }

  /** Takes a newer version of the pod. */
  update(pod: Pod): void {
    this.#resize.update(pod);
    this.#granted = this.#resize.granted;
  }

  /** Notes what runs. */
  observe(observed: ObservedPod, published: PodStatus | undefined): void {
    this.#resize.observe(observed, published);
  }

  /** Asks for the place, or for what has changed of it. What runs already keeps it. */
  settle(observed: ObservedPod): Placement {
    if (this.#rejection !== undefined) return { kind: "rejected" };
    if (this.#released) return { kind: "taken" };
    const runs = observed.sandbox !== "absent" ||
      observed.containers.length > 0;
    if (runs) this.#add();
    if (!runs && this.#awaitsRoom) return { kind: "later" };
    if (this.#admitted.has(this.#uid)) return this.#settleResize();
    let rejection = this.#admit(this.#granted);
    if (rejection === undefined) return { kind: "taken" };
    if (rejection.shortages !== undefined && isCriticalPod(this.#granted)) {
      const room = this.#preemptor.makeRoom(this.#granted, rejection.shortages);
      if (room.kind === "ending") return this.#takeFrom(room.victims);
      rejection = room.rejection;
    }
    if (rejection.reason === "NodeAffinity" && !this.#askedAgain) {
      this.#askedAgain = true;
      return { kind: "later", after: nodeNews };
    }
    this.#rejection = rejection;
    this.#record("Warning", rejection.reason, rejection.message);
    return { kind: "rejected" };
  }

  /** Gives running containers what was granted; stops those that must be started anew for that. */
  async resize(
    desired: DesiredPod,
    observed: ObservedPod,
    { retry, signal }: AbortOptions & {
      /** Asks for another look, so many milliseconds later. */
      retry(options: { readonly after: number }): void;
    },
  ): Promise<readonly PodAction[]> {
    const { runtime, node } = this.#context;
    const restarts = await this.#resize.actuate(desired, observed, {
      runtime,
      node: node(),
      record: this.#record,
      signal,
    });
    if (this.#resize.isDeferred) retry({ after: deferredRetry });
    if (this.#resize.hasFailed) retry({ after: failedRetry });
    const graceSeconds = desired.terminationGracePeriodSeconds;
    return restarts.map(({ container: { name } }) => ({
      kind: "stopContainer",
      container: name,
      graceSeconds,
      startsAgain: true,
    }));
  }

  /** The status with what the node says of the pod's place. */
  status(status: PodStatus, before: PodStatus | undefined): PodStatus {
    if (this.#rejection === undefined) {
      return this.#resize.status(status, before);
    }
    const generation = this.#granted.metadata?.generation;
    const now = new Date();
    return rejectedStatus(this.#rejection, { before, now, generation });
  }

  /** Gives the place up once the pod has ended and nothing of it runs. */
  look({ phase }: PodStatus, { containers }: ObservedPod): void {
    const isOver = phase === "Succeeded" || phase === "Failed";
    if (!isOver || this.#released) return;
    if (containers.some(({ state }) => state.kind === "running")) return;
    this.release();
  }

  /** Gives the place up: nothing of the pod runs any more, or will. */
  release(): void {
    this.#released = true;
    this.#admitted.remove(this.#uid);
  }

  /** Has the place from now on, so that nobody else gets it, and waits for those that leave it. */
  #takeFrom(victims: readonly string[]): Placement {
    this.#victims = victims;
    this.#add();
    return this.#awaitsRoom ? { kind: "later" } : { kind: "taken" };
  }

  get #awaitsRoom(): boolean {
    const isWaiting = this.#victims.some((uid) => this.#admitted.has(uid));
    if (isWaiting) this.#admitted.wait(this.#uid);
    return isWaiting;
  }

  #add(): void {
    if (this.#released || this.#admitted.has(this.#uid)) return;
    this.#admitted.add(this.#uid, this.#granted);
  }

  #settleResize(): Placement {
    const hasNews = this.#resize.grant({
      admit: (pod) => this.#admit(pod),
      infeasible: (pod) => infeasible(pod, this.#context),
      runtime: this.#context.runtime,
      record: this.#record,
    });
    if (hasNews) this.#granted = this.#resize.granted;
    if (this.#resize.isDeferred) this.#admitted.wait(this.#uid);
    return { kind: "taken" };
  }

  #admit(pod: Pod): Rejection | undefined {
    const { admission = [], node } = this.#context;
    for (const check of admission) {
      const rejection = check(pod);
      if (rejection !== undefined) return rejection;
    }
    return this.#admitted.admit(this.#uid, pod, node());
  }
}

function infeasible(pod: Pod, context: EngineContext): string | undefined {
  const [refusal] = podRefusals(pod, context);
  return refusal && `${refusal.field}: ${refusal.message}`;
}

function publishedRejection(pod: Pod): Rejection | undefined {
  if (!wasRejected(pod)) return undefined;
  const { reason = "", message = "" } = pod.status ?? {};
  return { reason, message: message.replace("Pod was rejected: ", "") };
}

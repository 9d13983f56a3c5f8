import { isDeepStrictEqual } from "node:util";
import type { AbortOptions } from "../async/abort.ts";
import { messageOf } from "../async/message_of.ts";
import type { Pod, PodStatus } from "../k8s/types.ts";
import type { ContainerRuntime, ObservedPod } from "../providers/runtime.ts";
import type { Rejection } from "./admission.ts";
import { containerResources } from "./container_resources.ts";
import type { NodeView } from "./field_ref.ts";
import type { Resources } from "./pod_resources.ts";
import type { DesiredPod } from "./pod_spec.ts";
import {
  type Allocation,
  askedAllocation,
  publishedAllocation,
  type ResizeStep,
  resizeSteps,
  restartsFor,
  sameAllocation,
  sameLimits,
  withAllocation,
} from "./resize.ts";
import {
  publishedResize,
  resizeConditions,
  resizeMessage,
  type ResizeState,
} from "./resize_conditions.ts";
import { withResources } from "./resource_status.ts";
import { isUnreachable } from "./unreachable.ts";

/** Records an Event of the pod. */
export type RecordPodEvent = (
  type: "Normal" | "Warning",
  reason: string,
  message: string,
) => void;

/** What {@linkcode PodResize.grant} asks. */
export interface ResizeGrant {
  /** Takes the pod with other resources, or says why there is no room for them. */
  readonly admit: (pod: Pod) => Rejection | undefined;
  /** Why the node can never have the pod so, whatever room there is. */
  readonly infeasible: (pod: Pod) => string | undefined;
  readonly runtime: Pick<ContainerRuntime, "updateContainer">;
  readonly record: RecordPodEvent;
}

/**
 * The resources of one pod: what it asks for, what its node has granted, what its containers have
 * (KEP-1287). The status that is published keeps it for an agent that comes back.
 */
export class PodResize {
  #asked: Pod;
  #allocation: Allocation;
  #state: ResizeState;
  /** By the ID of the run. */
  #actuated: ReadonlyMap<string, Resources> = new Map();

  constructor(pod: Pod) {
    this.#asked = pod;
    this.#allocation = publishedAllocation(pod);
    this.#state = publishedResize(pod);
  }

  /** The pod as its node has granted it. */
  get granted(): Pod {
    return withAllocation(this.#asked, this.#allocation);
  }

  /** Whether the pod waits for room for other resources. */
  get isDeferred(): boolean {
    return this.#state.pending?.reason === "Deferred";
  }

  /** Whether a container could not be given what was granted. */
  get hasFailed(): boolean {
    return this.#state.inProgress?.error !== undefined;
  }

  /** Takes a newer version of the pod. */
  update(pod: Pod): void {
    this.#asked = pod;
  }

  /** Notes what each running container was started with. */
  observe({ containers }: ObservedPod, published: PodStatus | undefined): void {
    const { initContainerStatuses = [], containerStatuses = [] } = published ??
      {};
    const statuses = [...initContainerStatuses, ...containerStatuses];
    this.#actuated = new Map(
      containers.filter(({ state }) => state.kind === "running").map((
        { id, name },
      ) => {
        const said = statuses.find(({ containerID }) =>
          containerID?.endsWith(`://${id}`)
        );
        const has = this.#actuated.get(id) ?? said?.resources ??
          this.#allocation.containers.get(name) ?? {};
        return [id, has];
      }),
    );
  }

  /** Grants what the pod asks for if there is room for it. Says whether there is news. */
  grant({ admit, infeasible, runtime, record }: ResizeGrant): boolean {
    const pod = this.#asked;
    const asked = askedAllocation(pod);
    const { pending, ...rest } = this.#state;
    if (sameAllocation(asked, this.#allocation)) {
      this.#state = rest;
      return pending !== undefined;
    }
    const generation = pod.metadata?.generation ?? 0;
    const never = infeasible(pod) ??
      (this.#needsUpdate() && runtime.updateContainer === undefined
        ? "this node cannot change the limits of containers that run"
        : undefined);
    const rejection = never === undefined ? admit(pod) : undefined;
    const message = never ?? rejection?.message;
    if (message === undefined) {
      this.#allocation = asked;
      this.#state = { inProgress: { generation } };
      const text = resizeMessage("started", pod, { generation });
      record("Normal", "ResizeStarted", text);
      return true;
    }
    const reason = never === undefined ? "Deferred" : "Infeasible";
    const isNews = pending?.reason !== reason ||
      pending.generation !== generation;
    this.#state = { ...rest, pending: { reason, message, generation } };
    if (!isNews) return pending.message !== message;
    const text = resizeMessage(reason, pod, { generation, error: message });
    record("Warning", `Resize${reason}`, text);
    return true;
  }

  /**
   * Gives the running containers what was granted; resolves what is left to do: those that must be
   * started anew. What fails is told by the status, and tried again when called again.
   */
  async actuate(
    desired: DesiredPod,
    observed: ObservedPod,
    { runtime, node, record, signal }: AbortOptions & {
      readonly runtime: Pick<ContainerRuntime, "updateContainer">;
      readonly node: Pick<NodeView, "allocatable">;
      readonly record: RecordPodEvent;
    },
  ): Promise<readonly ResizeStep[]> {
    const steps = resizeSteps(desired, observed, this.#actuated);
    if (steps.length === 0) {
      this.#complete(record);
      return [];
    }
    const errors: string[] = [];
    for (const step of steps.filter(({ kind }) => kind === "update")) {
      const { container: { name, spec }, id } = step;
      try {
        await runtime.updateContainer?.(
          { podUid: desired.uid, container: name },
          containerResources(desired.pod, spec, node),
          { signal },
        );
        this.#setActuated(id, spec.resources ?? {});
      } catch (error) {
        signal.throwIfAborted();
        if (isUnreachable(error)) throw error;
        errors.push(messageOf(error));
      }
    }
    const generation = this.#state.inProgress?.generation ??
      desired.pod.metadata?.generation ?? 0;
    const restarts = steps.filter(({ kind }) => kind === "restart");
    if (errors.length > 0) this.#fail(errors.join("; "), generation, record);
    else if (restarts.length === 0) this.#complete(record);
    return restarts;
  }

  /** The status with what is said of the pod's resources. */
  status(status: PodStatus, before: PodStatus | undefined): PodStatus {
    const { phase } = status;
    const isOver = phase === "Succeeded" || phase === "Failed";
    const conditions = isOver
      ? []
      : resizeConditions(this.#state, before, new Date());
    return {
      ...withResources(status, {
        pod: this.granted,
        actuated: this.#actuated,
      }),
      conditions: [...status.conditions ?? [], ...conditions],
    };
  }

  /** Whether a running container would get other limits while it runs. */
  #needsUpdate(): boolean {
    const { spec } = this.#asked;
    const containers = [
      ...spec?.initContainers ?? [],
      ...spec?.containers ?? [],
    ];
    return containers.some((container) => {
      const has = this.#allocation.containers.get(container.name);
      return !restartsFor(container, has) &&
        !sameLimits(has, container.resources);
    });
  }

  #setActuated(id: string, resources: Resources): void {
    this.#actuated = new Map([...this.#actuated, [id, resources]]);
  }

  #complete(record: RecordPodEvent): void {
    const { inProgress, ...rest } = this.#state;
    if (inProgress === undefined) return;
    this.#state = rest;
    const { generation } = inProgress;
    const text = resizeMessage("completed", this.granted, { generation });
    record("Normal", "ResizeCompleted", text);
  }

  #fail(error: string, generation: number, record: RecordPodEvent): void {
    const before = this.#state.inProgress;
    const inProgress = { generation, error };
    this.#state = { ...this.#state, inProgress };
    if (isDeepStrictEqual(before, inProgress)) return;
    const options = { generation, error };
    const text = resizeMessage("error", this.granted, options);
    record("Warning", "ResizeError", text);
  }
}

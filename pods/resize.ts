import type { Container, Pod } from "../k8s/types.ts";
import type { ObservedContainer, ObservedPod } from "../providers/runtime.ts";
import {
  amountOf,
  podLevelResources,
  type Quantities,
  type Resources,
} from "./pod_resources.ts";
import type { DesiredContainer, DesiredPod } from "./pod_spec.ts";

/** What a node has granted to a pod. */
export interface Allocation {
  /** By the name of the container; init containers are among them. */
  readonly containers: ReadonlyMap<string, Resources>;
  /** What the pod has for all of them, where it says so itself. */
  readonly pod?: Resources;
}

/** What must be done to a running container so that it has what its pod was granted. */
export type ResizeStep = {
  /** Whether it goes on with the new resources, or must be started anew with them. */
  readonly kind: "update" | "restart";
  readonly container: DesiredContainer;
  /** The ID of the run. */
  readonly id: string;
};

/** All that the pod asks for. */
export function askedAllocation(pod: Pod): Allocation {
  const own = podLevelResources(pod);
  return {
    containers: new Map(
      containersOf(pod).map(({ name, resources = {} }) => [name, resources]),
    ),
    ...(own === undefined ? {} : { pod: own }),
  };
}

/**
 * What the pod was granted by what was published of it. An agent that comes back must not take for
 * granted what was asked for meanwhile.
 */
export function publishedAllocation(pod: Pod): Allocation {
  const asked = askedAllocation(pod);
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ??
    {};
  const containers = new Map(asked.containers);
  for (
    const { name, allocatedResources, resources } of [
      ...initContainerStatuses,
      ...containerStatuses,
    ]
  ) {
    const now = asked.containers.get(name);
    if (now === undefined || resources === undefined) continue;
    const requests = allocatedResources ?? {};
    if (sameQuantities(requests, now.requests)) continue;
    const { requests: _, ...rest } = now;
    const { limits } = resources;
    containers.set(name, {
      ...rest,
      requests,
      ...(limits === undefined ? {} : { limits }),
    });
  }
  return { ...asked, containers };
}

/** The pod as its node has granted it: what else it asks for is not in it. */
export function withAllocation(pod: Pod, allocation: Allocation): Pod {
  const { spec } = pod;
  if (spec === undefined || sameAllocation(askedAllocation(pod), allocation)) {
    return pod;
  }
  const granted = (container: Container): Container => {
    const resources = allocation.containers.get(container.name);
    return resources === undefined
      ? container
      : { ...container, resources: resources as Container["resources"] ?? {} };
  };
  return {
    ...pod,
    spec: {
      ...spec,
      ...(spec.initContainers === undefined
        ? {}
        : { initContainers: spec.initContainers.map(granted) }),
      containers: spec.containers.map(granted),
      ...(allocation.pod === undefined ? {} : { resources: allocation.pod }),
    },
  };
}

/** Whether two allocations grant the same CPU and memory to the same containers. */
export function sameAllocation(a: Allocation, b: Allocation): boolean {
  return a.containers.size === b.containers.size &&
    sameResources(a.pod, b.pod) &&
    [...a.containers].every(([name, resources]) =>
      b.containers.has(name) && sameResources(resources, b.containers.get(name))
    );
}

/**
 * What is left to do until every running container has what the pod was granted. Pure.
 *
 * A change of a resource for which the container's `resizePolicy` says `RestartContainer` restarts
 * it.
 *
 * @param actuated What each run has, by its ID.
 */
export function resizeSteps(
  { initContainers, containers }: DesiredPod,
  observed: ObservedPod,
  actuated: ReadonlyMap<string, Resources>,
): readonly ResizeStep[] {
  return [...initContainers, ...containers].flatMap((container) => {
    const run = observed.containers.find(({ name }) => name === container.name);
    const step = run && resizeStep(container, run, actuated.get(run.id));
    return step === undefined ? [] : [step];
  });
}

/** Whether two containers have the same CPU and memory. */
function sameResources(
  a: Resources = {},
  b: Resources = {},
): boolean {
  return changedResources(a, b).length === 0;
}

/** Whether the limits of CPU and memory are the same, whatever is requested. */
export function sameLimits(a: Resources = {}, b: Resources = {}): boolean {
  return resizable.every((name) => sameAmount(a.limits, b.limits, name));
}

/** Whether a container that has other resources must be started anew to get those of its spec. */
export function restartsFor(
  { resources, resizePolicy = [] }: Container,
  has: Resources | undefined,
): boolean {
  const changed = changedResources(has, resources);
  return resizePolicy.some(({ resourceName, restartPolicy }) =>
    restartPolicy === "RestartContainer" && changed.includes(resourceName)
  );
}

/** What of a pod can be changed while it runs. */
const resizable = ["cpu", "memory"] as const;

function resizeStep(
  container: DesiredContainer,
  { id, state }: ObservedContainer,
  has: Resources | undefined,
): ResizeStep | undefined {
  if (state.kind !== "running" || has === undefined) return undefined;
  if (sameResources(has, container.spec.resources)) return undefined;
  const kind = restartsFor(container.spec, has) ? "restart" : "update";
  return { kind, container, id };
}

function changedResources(
  a: Resources = {},
  b: Resources = {},
): readonly string[] {
  return resizable.filter((name) =>
    !sameAmount(a.requests, b.requests, name) ||
    !sameAmount(a.limits, b.limits, name)
  );
}

function sameQuantities(a: Quantities = {}, b: Quantities = {}): boolean {
  return resizable.every((name) => sameAmount(a, b, name));
}

function sameAmount(
  a: Quantities | undefined,
  b: Quantities | undefined,
  name: string,
): boolean {
  // Most are written alike, and reading them takes longer.
  return a?.[name] === b?.[name] || amountIn(a, name) === amountIn(b, name);
}

function amountIn(quantities: Quantities | undefined, name: string): number {
  return amountOf(name, quantities?.[name] ?? "0");
}

function containersOf({ spec }: Pod): readonly Container[] {
  return [...spec?.initContainers ?? [], ...spec?.containers ?? []];
}

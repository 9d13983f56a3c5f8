import { bytes, cpuMillis } from "../k8s/quantity.ts";
import type { Container, Pod } from "../k8s/types.ts";
import type {
  ContainerResources,
  ContainerSpec,
} from "../providers/container_spec.ts";
import type { Refusal } from "../providers/provider.ts";
import type { NodeView } from "./field_ref.ts";
import { optional } from "./optional.ts";
import {
  amountOf,
  isSidecar,
  podLevelResources,
  type Quantities,
} from "./pod_resources.ts";
import { oomScoreAdj } from "./quality_of_service.ts";

/**
 * What a container may use and what it is given when the node runs short.
 *
 * As the kubelet does, a container that requests no CPU has its limit as request, else 0: it gets
 * what others leave. One without a limit has that of its pod, where the pod has one.
 */
export function containerResources(
  pod: Pod,
  container: Container,
  { allocatable }: Pick<NodeView, "allocatable">,
): ContainerResources & Pick<ContainerSpec, "oomScoreAdj"> {
  const { requests = {} } = container.resources ?? {};
  const limits = effectiveLimits(pod, container);
  const cpuRequest = requests["cpu"] ?? limits["cpu"] ?? "0";
  const nodeMemory = allocatable["memory"];
  return {
    ...optional("memoryLimitBytes", positive(limits["memory"], bytes)),
    ...optional("cpuLimitMillis", positive(limits["cpu"], cpuMillis)),
    cpuRequestMillis: cpuMillis(cpuRequest),
    oomScoreAdj: oomScoreAdj(pod, container, positive(nodeMemory, bytes)),
  };
}

/**
 * The limits of the whole pod that cannot be kept: containers are limited here, not their sum. A
 * limit that what the containers may use together does not exceed is kept by theirs.
 */
export function podLimitRefusals(pod: Pod): readonly Refusal[] {
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  const together = [...containers, ...initContainers.filter(isSidecar)];
  const alone = initContainers.filter((container) => !isSidecar(container));
  const limits = Object.entries(podLevelResources(pod)?.limits ?? {});
  return limits.flatMap(([name, quantity]) => {
    const most = amountOf(name, quantity);
    const limitOf = (container: Container) =>
      amountOf(name, effectiveLimits(pod, container)[name] ?? "0") || Infinity;
    const sum = together.map(limitOf).reduce((sum, each) => sum + each, 0);
    if (Math.max(sum, ...alone.map(limitOf)) <= most) return [];
    return [{
      field: `spec.resources.limits[${name}]`,
      message:
        "this node limits containers, not the sum of a pod's: give the containers limits that together are no more",
    }];
  });
}

/** The container's own limits; those of its pod for CPU and memory where it has none. */
function effectiveLimits(pod: Pod, { resources }: Container): Quantities {
  const own = resources?.limits ?? {};
  const ofPod = podLevelResources(pod)?.limits ?? {};
  const names = ["cpu", "memory"].filter((name) =>
    amountOf(name, own[name] ?? "0") === 0 && ofPod[name] !== undefined
  );
  const inherited = names.map((name) => [name, ofPod[name] ?? "0"]);
  return { ...own, ...Object.fromEntries(inherited) };
}

/** A limit of 0 is none, for the kubelet as for engines. */
function positive(
  quantity: string | undefined,
  read: (quantity: string) => number,
): number | undefined {
  const amount = quantity === undefined ? 0 : read(quantity);
  return amount > 0 ? amount : undefined;
}

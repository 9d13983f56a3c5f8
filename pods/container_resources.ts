import { bytes, cpuMillis } from "../k8s/quantity.ts";
import type { Container, Pod } from "../k8s/types.ts";
import type { ContainerSpec } from "../providers/container_spec.ts";
import type { NodeView } from "./field_ref.ts";
import { optional } from "./optional.ts";
import { oomScoreAdj } from "./quality_of_service.ts";

/**
 * What a container may use and what it is given when the node runs short.
 *
 * As the kubelet does, a container that requests no CPU has its limit as request, else 0: it gets
 * what others leave.
 */
export function containerResources(
  pod: Pod,
  container: Container,
  { allocatable }: Pick<NodeView, "allocatable">,
): Pick<
  ContainerSpec,
  "memoryLimitBytes" | "cpuLimitMillis" | "cpuRequestMillis" | "oomScoreAdj"
> {
  const { limits = {}, requests = {} } = container.resources ?? {};
  const cpuRequest = requests["cpu"] ?? limits["cpu"] ?? "0";
  const nodeMemory = allocatable["memory"];
  return {
    ...optional("memoryLimitBytes", positive(limits["memory"], bytes)),
    ...optional("cpuLimitMillis", positive(limits["cpu"], cpuMillis)),
    cpuRequestMillis: cpuMillis(cpuRequest),
    oomScoreAdj: oomScoreAdj(pod, container, positive(nodeMemory, bytes)),
  };
}

/** A limit of 0 is none, for the kubelet as for engines. */
function positive(
  quantity: string | undefined,
  read: (quantity: string) => number,
): number | undefined {
  const amount = quantity === undefined ? 0 : read(quantity);
  return amount > 0 ? amount : undefined;
}

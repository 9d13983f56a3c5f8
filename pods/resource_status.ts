import { formatMillis } from "../k8s/quantity.ts";
import type { ContainerStatus, Pod, PodStatus } from "../k8s/types.ts";
import { optional } from "./optional.ts";
import {
  type Amounts,
  podLevelResources,
  podLimits,
  podRequests,
  type Quantities,
  type Resources,
} from "./pod_resources.ts";

/**
 * The status with what the pod and each container that was started have of the node: what they were
 * granted, and what they use it as now.
 *
 * @param options.pod As its node has granted it.
 * @param options.actuated What each run has, by its ID; what was granted where it is not in it.
 */
export function withResources(
  status: PodStatus,
  { pod, actuated }: {
    readonly pod: Pod;
    readonly actuated: ReadonlyMap<string, Resources>;
  },
): PodStatus {
  const { initContainers = [], containers = [] } = pod.spec ?? {};
  const specs = [...initContainers, ...containers];
  const { initContainerStatuses, containerStatuses } = status;
  const withOwn = (status: ContainerStatus): ContainerStatus => {
    const { name, containerID } = status;
    const spec = specs.find((one) => one.name === name);
    if (spec === undefined || containerID === undefined) return status;
    const granted: Resources = spec.resources ?? {};
    const id = containerID.replace(/^.*:\/\//, "");
    const { requests } = granted;
    return {
      ...status,
      ...optional("allocatedResources", filled(requests)),
      resources: requirements(actuated.get(id) ?? granted),
    };
  };
  return {
    ...status,
    ...(initContainerStatuses === undefined
      ? {}
      : { initContainerStatuses: initContainerStatuses.map(withOwn) }),
    ...(containerStatuses === undefined
      ? {}
      : { containerStatuses: containerStatuses.map(withOwn) }),
    ...podResources(pod),
  };
}

function podResources(
  pod: Pod,
): Pick<PodStatus, "allocatedResources" | "resources"> {
  if (podLevelResources(pod) === undefined) return {};
  const requests = quantities(podRequests(pod));
  const resources = requirements({
    requests,
    limits: quantities(podLimits(pod)),
  });
  return { allocatedResources: requests, resources };
}

/** As the API server has it: nothing that is empty. */
function requirements(
  { requests, limits }: Resources,
): Resources {
  return {
    ...optional("requests", filled(requests)),
    ...optional("limits", filled(limits)),
  };
}

function filled(quantities: Quantities | undefined): Quantities | undefined {
  return Object.keys(quantities ?? {}).length > 0 ? quantities : undefined;
}

/** In the form in which the API server gives them back. */
function quantities(amounts: Amounts): Quantities {
  return Object.fromEntries(
    [...amounts].map(([name, amount]) => [
      name,
      name === "cpu" && amount % 1000 !== 0
        ? formatMillis(amount)
        : name === "cpu"
        ? decimal(amount / 1000)
        : binary(amount),
    ]),
  );
}

function binary(amount: number): string {
  return scaled(amount, 1024, ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]) ??
    decimal(amount);
}

function decimal(amount: number): string {
  return scaled(amount, 1000, ["", "k", "M", "G", "T", "P", "E"]) ??
    `${amount}`;
}

/** The amount in the largest unit in which it is whole; undefined if that is the smallest. */
function scaled(
  amount: number,
  base: number,
  units: readonly string[],
): string | undefined {
  let [value, unit] = [amount, 0];
  while (value !== 0 && value % base === 0 && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  return unit === 0 ? undefined : `${value}${units[unit]}`;
}

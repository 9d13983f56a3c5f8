import type { Container, Pod } from "../k8s/types.ts";
import {
  amountOf,
  containerRequests,
  isSidecar,
  podLevelResources,
  requestsOf,
  type Resources,
} from "./pod_resources.ts";

/** How well a pod is kept when a node runs short, as `status.qosClass`. */
export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

/** The kubelet's `guaranteedOOMScoreAdj` and `besteffortOOMScoreAdj`. */
const lastToEnd = -997;
const firstToEnd = 1000;

/** The class of a pod by its requests and limits (`ComputePodQOS`), unless the API says it. */
export function qosClass(pod: Pod): QosClass {
  const { spec, status } = pod;
  const published = status?.qosClass;
  if (
    published === "Guaranteed" || published === "Burstable" ||
    published === "BestEffort"
  ) return published;
  const own = podLevelResources(pod);
  const containers = [...spec?.containers ?? [], ...spec?.initContainers ?? []];
  const amounts = own === undefined
    ? containers.map(amountsOf)
    : [amountsOf({ resources: own })];
  if (amounts.every((all) => all.every((amount) => amount === 0))) {
    return "BestEffort";
  }
  const isGuaranteed = amounts.every(
    ([cpuRequest, cpuLimit, memoryRequest, memoryLimit]) =>
      cpuLimit !== 0 && memoryLimit !== 0 && cpuRequest === cpuLimit &&
      memoryRequest === memoryLimit,
  );
  return isGuaranteed ? "Guaranteed" : "Burstable";
}

/**
 * How early the kernel ends a container's processes when the node's memory is short, by the
 * kubelet's formula: late for Guaranteed and critical pods, early for BestEffort ones, and between
 * them the earlier the less memory a container asked for. A sidecar never ends before the container
 * of its pod that asked for least.
 *
 * @param memoryBytes The memory of the node; undefined while it is not known.
 */
export function oomScoreAdj(
  pod: Pod,
  container: Container,
  memoryBytes: number | undefined,
): number {
  if (pod.spec?.priorityClassName === "system-node-critical") return lastToEnd;
  switch (qosClass(pod)) {
    case "Guaranteed":
      return lastToEnd;
    case "BestEffort":
      return firstToEnd;
    case "Burstable": {
      const request = scoredRequest(pod, container);
      const share = memoryBytes ? Math.floor(1000 * request / memoryBytes) : 0;
      const score = 1000 - share;
      return Math.min(Math.max(score, 1000 + lastToEnd), firstToEnd - 1);
    }
  }
}

/** The memory that counts for a container: its own, and its part of what only its pod asks for. */
function scoredRequest(pod: Pod, container: Container): number {
  const own = memoryRequest(container);
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  const isBeside = isSidecar(container) &&
    initContainers.some(({ name }) => name === container.name);
  const least = isBeside ? Math.min(...containers.map(memoryRequest)) : 0;
  return Math.max(own, least) + restOfPod(pod);
}

/** What the pod asks for beyond its containers, in equal parts (KEP-2837). */
function restOfPod(pod: Pod): number {
  const asked = podLevelResources(pod)?.requests?.["memory"];
  if (asked === undefined) return 0;
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  const rest = amountOf("memory", asked) -
    (containerRequests(pod).get("memory") ?? 0);
  const parts = containers.length + initContainers.length;
  return parts === 0 ? 0 : Math.floor(Math.max(rest, 0) / parts);
}

function memoryRequest({ resources }: Container): number {
  return amountOf("memory", requestsOf({ resources })["memory"] ?? "0");
}

/** CPU request and limit, memory request and limit; an absent request is the limit, as in the API. */
function amountsOf(
  { resources }: { readonly resources?: Resources | undefined },
): readonly [number, number, number, number] {
  const requests = requestsOf({ resources });
  const limits = resources?.limits ?? {};
  return [
    amountOf("cpu", requests["cpu"] ?? "0"),
    amountOf("cpu", limits["cpu"] ?? "0"),
    amountOf("memory", requests["memory"] ?? "0"),
    amountOf("memory", limits["memory"] ?? "0"),
  ];
}

import { bytes, cpuMillis } from "../k8s/quantity.ts";
import type { Container, Pod } from "../k8s/types.ts";

/** How well a pod is kept when a node runs short, as `status.qosClass`. */
export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

/** The kubelet's `guaranteedOOMScoreAdj` and `besteffortOOMScoreAdj`. */
const lastToEnd = -997;
const firstToEnd = 1000;

/** The class of a pod by its requests and limits (`ComputePodQOS`), unless the API says it. */
export function qosClass({ spec, status }: Pod): QosClass {
  const published = status?.qosClass;
  if (
    published === "Guaranteed" || published === "Burstable" ||
    published === "BestEffort"
  ) return published;
  const containers = [...spec?.containers ?? [], ...spec?.initContainers ?? []];
  const amounts = containers.map(amountsOf);
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
 * them the earlier the less memory a container asked for.
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
      const [, , request] = amountsOf(container);
      const share = memoryBytes ? Math.floor(1000 * request / memoryBytes) : 0;
      const score = 1000 - share;
      return Math.min(Math.max(score, 1000 + lastToEnd), firstToEnd - 1);
    }
  }
}

/** CPU request and limit, memory request and limit; an absent request is the limit, as in the API. */
function amountsOf(
  { resources }: Container,
): readonly [number, number, number, number] {
  const { requests = {}, limits = {} } = resources ?? {};
  return [
    cpuMillis(requests["cpu"] ?? limits["cpu"] ?? "0"),
    cpuMillis(limits["cpu"] ?? "0"),
    bytes(requests["memory"] ?? limits["memory"] ?? "0"),
    bytes(limits["memory"] ?? "0"),
  ];
}

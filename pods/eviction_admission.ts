import type { Pod, Taint } from "../k8s/types.ts";
import { isCriticalPod } from "./critical_pod.ts";
import type { NodePressure } from "./node_pressure.ts";
import type { PodFailure } from "./plan.ts";
import { qosClass } from "./quality_of_service.ts";
import { tolerates } from "./tolerations.ts";

/**
 * Why a node that runs short does not take a pod on; undefined if it does. Short of memory it takes
 * what has asked for some, short of anything else only critical pods.
 */
export function pressureRefusal(
  pod: Pod,
  pressures: readonly NodePressure[],
): PodFailure | undefined {
  if (pressures.length === 0 || isCriticalPod(pod)) return undefined;
  const isMemoryOnly = pressures.every((one) => one === "MemoryPressure");
  if (isMemoryOnly) {
    if (qosClass(pod) !== "BestEffort") return undefined;
    if (tolerates(pod, memoryTaint)) return undefined;
  }
  return {
    reason: "Evicted",
    message: `The node had condition: [${pressures.join(" ")}]. `,
  };
}

const memoryTaint: Taint = {
  key: "node.kubernetes.io/memory-pressure",
  effect: "NoSchedule",
};

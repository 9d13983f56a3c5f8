import type { MetricFamily } from "../../async/metric_text.ts";
import { bytes, parseQuantity } from "../../k8s/quantity.ts";
import type { Node } from "../../k8s/types.ts";

/** What cAdvisor tells of the machine, from the Node; nothing while there is none. */
export function machineMetrics(
  node: Node | undefined,
): readonly MetricFamily[] {
  const { nodeInfo, capacity } = node?.status ?? {};
  if (nodeInfo === undefined) return [];
  const labels = {
    "boot_id": nodeInfo.bootID,
    "machine_id": nodeInfo.machineID,
    "system_uuid": nodeInfo.systemUUID,
  };
  const { cpu, memory } = capacity ?? {};
  return [
    {
      name: "cadvisor_version_info",
      help:
        "A metric with a constant '1' value labeled by kernel version, OS version, docker version, cadvisor version & cadvisor revision.",
      type: "gauge",
      samples: [{
        labels: {
          cadvisorRevision: "",
          cadvisorVersion: nodeInfo.kubeletVersion,
          dockerVersion: "",
          kernelVersion: nodeInfo.kernelVersion,
          osVersion: nodeInfo.osImage,
        },
        value: 1,
      }],
    },
    {
      name: "machine_cpu_cores",
      help: "Number of logical CPU cores.",
      type: "gauge",
      samples: cpu === undefined ? [] : [{ labels, value: parseQuantity(cpu) }],
    },
    {
      name: "machine_memory_bytes",
      help: "Amount of memory installed on the machine.",
      type: "gauge",
      samples: memory === undefined ? [] : [{ labels, value: bytes(memory) }],
    },
  ];
}

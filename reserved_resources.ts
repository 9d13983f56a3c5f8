import { bytes, cpuMillis } from "./k8s/quantity.ts";
import type { Reservation } from "./node/allocatable.ts";
import type { EvictionThreshold } from "./pods/eviction_thresholds.ts";

/** What the machine behind a node needs for itself; quantities such as `500m` and `1Gi`. */
export interface SystemReserved {
  readonly cpu?: string;
  readonly memory?: string;
  readonly "ephemeral-storage"?: string;
}

/**
 * What pods do not get of a node, as by a kubelet: what the machine needs for itself, and what is
 * left when pods are evicted at once.
 */
export function reservedResources(
  systemReserved: SystemReserved,
  thresholds: readonly EvictionThreshold[],
): readonly Reservation[] {
  const { cpu, memory, "ephemeral-storage": storage } = systemReserved;
  const quantity = (
    resource: Reservation["resource"],
    amount: number | undefined,
  ): Reservation[] =>
    amount === undefined
      ? []
      : [{ resource, amount: { kind: "quantity", amount } }];
  return [
    ...quantity("cpu", cpu === undefined ? cpu : cpuMillis(cpu)),
    ...quantity("memory", memory === undefined ? memory : bytes(memory)),
    ...quantity(
      "ephemeral-storage",
      storage === undefined ? storage : bytes(storage),
    ),
    ...thresholds.flatMap(({ signal, amount, graceMs }): Reservation[] => {
      if (graceMs !== 0) return [];
      switch (signal) {
        case "memory.available":
          return [{ resource: "memory", amount }];
        case "nodefs.available":
          return [{ resource: "ephemeral-storage", amount }];
        case "nodefs.inodesFree":
        case "imagefs.available":
        case "imagefs.inodesFree":
        case "pid.available":
          return [];
      }
    }),
  ];
}

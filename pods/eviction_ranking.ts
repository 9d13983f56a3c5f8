import { bytes, formatBytes } from "../k8s/quantity.ts";
import type { Pod } from "../k8s/types.ts";
import {
  amountOf,
  type EvictionSignal,
  type EvictionThreshold,
  type SignalReadings,
} from "./eviction_thresholds.ts";
import {
  diskUsage,
  inodeUsage,
  memoryUsage,
  type PodUsage,
} from "./local_usage.ts";
import { podRequests } from "./pod_resources.ts";

/** What a shortage is of, as messages and Events name it. */
export type StarvedResource =
  | "memory"
  | "ephemeral-storage"
  | "inodes"
  | "pids";

/** What a signal is about. */
export function starvedResource(signal: EvictionSignal): StarvedResource {
  switch (signal) {
    case "memory.available":
      return "memory";
    case "nodefs.available":
    case "imagefs.available":
      return "ephemeral-storage";
    case "nodefs.inodesFree":
    case "imagefs.inodesFree":
      return "inodes";
    case "pid.available":
      return "pids";
  }
}

/** A pod that may be evicted, with what was measured of it. */
export interface Candidate {
  readonly pod: Pod;
  readonly usage: PodUsage;
}

/**
 * The pods in the order in which they are to be evicted, as the kubelet ranks them: those that use
 * more than they asked for come first, then those of low priority, then those that use most beyond
 * what they asked for.
 */
export function rankCandidates<T extends Candidate>(
  candidates: readonly T[],
  signal: EvictionSignal,
  { dedicatedImages }: { readonly dedicatedImages: boolean },
): readonly T[] {
  const ranks = candidates.map((candidate) => ({
    candidate,
    ...excess(candidate, signal, { dedicatedImages }),
    priority: candidate.pod.spec?.priority ?? 0,
  }));
  return ranks.toSorted((a, b) =>
    Number(b.isOver) - Number(a.isOver) || a.priority - b.priority ||
    b.beyond - a.beyond
  ).map(({ candidate }) => candidate);
}

/** Why a pod is evicted, in the kubelet's words. */
export function evictionMessage(
  { pod, usage }: Candidate,
  { signal }: Pick<EvictionThreshold, "signal">,
  starved: readonly EvictionThreshold[],
  readings: SignalReadings,
): string {
  const resource = starvedResource(signal);
  return [
    `The node was low on resource: ${resource}. `,
    thresholdText(resource, starved, readings),
    ...usage.containers.map((sample) => {
      const container = [
        ...pod.spec?.containers ?? [],
        ...pod.spec?.initContainers ?? [],
      ].find(({ name }) => name === sample.container);
      if (container === undefined) return "";
      if (resource !== "memory" && resource !== "ephemeral-storage") return "";
      const { rootfsBytes, logBytes } = sample;
      const used = resource === "memory"
        ? sample.memoryBytes
        : rootfsBytes === undefined || logBytes === undefined
        ? undefined
        : rootfsBytes + logBytes;
      const request = container.resources?.requests?.[resource] ?? "0";
      return used === undefined || used <= bytes(request)
        ? ""
        : `Container ${container.name} was using ${
          formatBytes(used)
        }, request is ${request}, has larger consumption of ${resource}. `;
    }),
  ].join("");
}

function thresholdText(
  resource: StarvedResource,
  starved: readonly EvictionThreshold[],
  readings: SignalReadings,
): string {
  for (const { signal, amount } of starved) {
    const reading = readings.get(signal);
    if (starvedResource(signal) !== resource || reading === undefined) continue;
    const text = resource === "memory" || resource === "ephemeral-storage"
      ? formatBytes
      : String;
    const quantity = text(amountOf(amount, reading));
    const available = text(reading.available);
    return `Threshold quantity: ${quantity}, available: ${available}. `;
  }
  return "";
}

/** How far a pod is beyond what it asked for. */
function excess(
  { pod, usage }: Candidate,
  signal: EvictionSignal,
  { dedicatedImages }: { readonly dedicatedImages: boolean },
): { readonly isOver: boolean; readonly beyond: number } {
  switch (signal) {
    case "memory.available":
      return over(memoryUsage(usage), podRequests(pod).get("memory"));
    case "nodefs.available":
    case "imagefs.available": {
      const isImages = signal === "imagefs.available";
      const parts = dedicatedImages
        ? { rootfs: isImages, local: !isImages }
        : { rootfs: true, local: true };
      const used = diskUsage(pod, usage, parts);
      return over(used, podRequests(pod).get("ephemeral-storage"));
    }
    case "nodefs.inodesFree":
      return over(inodeUsage(pod, usage));
    case "imagefs.inodesFree":
      return over(dedicatedImages ? 0 : inodeUsage(pod, usage));
    case "pid.available":
      // Nobody counts the processes of pods: only their priority tells them apart.
      return { isOver: false, beyond: 0 };
  }
}

function over(
  used: number,
  request = 0,
): { readonly isOver: boolean; readonly beyond: number } {
  const beyond = used - request;
  return { isOver: beyond > 0, beyond };
}

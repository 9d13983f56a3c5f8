import { apiTime } from "../../k8s/time.ts";
import type { Pod } from "../../k8s/types.ts";
import type { FilesystemSample, NodeSample } from "../../providers/provider.ts";
import type { InterfaceSample } from "../../providers/samples.ts";
import { fsStats, podStorage } from "./storage_stats.ts";
import type {
  ContainerStats,
  CpuStats,
  MemoryStats,
  NetworkStats,
  NodeStats,
  PodStats,
  Summary,
} from "./summary_types.ts";
import { type ContainerUsage, type PodUsage, podUsages } from "./pod_usage.ts";
import type { CpuRate, Usage } from "./usage_sampler.ts";
import { wholeNumber } from "./whole_number.ts";

/** What {@linkcode summary} is made of. */
export interface SummaryInput {
  readonly nodeName: string;
  readonly usage: Usage;
  readonly pods: Iterable<Pod>;
  /** Whether storage and networks are left out: `only_cpu_and_memory=true`. */
  readonly onlyCpuAndMemory: boolean;
}

/** The document of `/stats/summary`. What nobody knows is left out; nothing is made up. */
export function summary(
  { nodeName, usage, pods, onlyCpuAndMemory }: SummaryInput,
): Summary {
  const filesystem = usage.node?.filesystem;
  const all = { filesystem, onlyCpuAndMemory };
  const used = podUsages(pods, usage).filter(({ containers }) =>
    !onlyCpuAndMemory || containers.length > 0
  );
  return {
    node: nodeStats(nodeName, usage.node, { onlyCpuAndMemory }),
    pods: used.map((pod) => podStats(pod, all)),
  };
}

function nodeStats(
  nodeName: string,
  node: (NodeSample & CpuRate) | undefined,
  { onlyCpuAndMemory }: { readonly onlyCpuAndMemory: boolean },
): NodeStats {
  if (node === undefined) return { nodeName, startTime: null };
  const { at, startedAt, memoryAvailableBytes, filesystem, interfaces } = node;
  const stats = {
    nodeName,
    startTime: apiTime(startedAt),
    cpu: cpuStats(node),
    memory: memoryStats(node, memoryAvailableBytes),
  };
  if (onlyCpuAndMemory) return stats;
  return {
    ...stats,
    ...(interfaces && { network: networkStats(at, interfaces) }),
    ...(filesystem && { fs: fsStats(at, filesystem) }),
  };
}

function podStats(
  pod: PodUsage,
  { filesystem, onlyCpuAndMemory }: {
    readonly filesystem: FilesystemSample | undefined;
    readonly onlyCpuAndMemory: boolean;
  },
): PodStats {
  const { name, namespace, uid, startedAt, total, network } = pod;
  const storage = onlyCpuAndMemory ? undefined : podStorage(pod, filesystem);
  const containers = pod.containers.map((container) => ({
    ...containerStats(container),
    ...storage?.containers.get(container.sample.container),
  }));
  const stats = {
    podRef: { name, namespace, uid },
    startTime: startedAt ? apiTime(startedAt) : null,
    containers,
    ...(total && {
      cpu: cpuStats(total),
      memory: memoryStats(total, left(total)),
    }),
  };
  if (storage === undefined) return stats;
  return {
    ...stats,
    ...(network && { network: networkStats(network.at, network.interfaces) }),
    ...storage.pod,
  };
}

function containerStats(
  { sample, memoryLimitBytes }: ContainerUsage,
): ContainerStats {
  const limit = memoryLimitBytes === undefined ? {} : { memoryLimitBytes };
  return {
    name: sample.container,
    startTime: apiTime(sample.startedAt),
    cpu: cpuStats(sample),
    memory: memoryStats(sample, left({ ...sample, ...limit })),
  };
}

function cpuStats(
  { at, cpuNanos, nanoCores }: CpuRate & {
    readonly at: Date;
    readonly cpuNanos: number;
  },
): CpuStats {
  return {
    time: apiTime(at),
    ...(nanoCores !== undefined && { usageNanoCores: wholeNumber(nanoCores) }),
    usageCoreNanoSeconds: wholeNumber(cpuNanos),
  };
}

/** What is known of memory; the working set always is. */
interface MemoryUsage {
  readonly at: Date;
  readonly memoryBytes: number;
  readonly memoryUsageBytes?: number;
  readonly memoryRssBytes?: number;
  readonly memoryLimitBytes?: number;
}

function memoryStats(
  { at, memoryBytes, memoryUsageBytes, memoryRssBytes }: MemoryUsage,
  available: number | undefined,
): MemoryStats {
  return {
    time: apiTime(at),
    ...(available !== undefined && { availableBytes: wholeNumber(available) }),
    ...(memoryUsageBytes !== undefined && {
      usageBytes: wholeNumber(memoryUsageBytes),
    }),
    workingSetBytes: wholeNumber(memoryBytes),
    ...(memoryRssBytes !== undefined && {
      rssBytes: wholeNumber(memoryRssBytes),
    }),
  };
}

function left(
  { memoryBytes, memoryLimitBytes }: MemoryUsage,
): number | undefined {
  if (memoryLimitBytes === undefined) return undefined;
  return Math.max(0, memoryLimitBytes - memoryBytes);
}

function networkStats(
  at: Date,
  samples: readonly InterfaceSample[],
): NetworkStats {
  const interfaces = samples.map((
    { name, rxBytes, rxErrors, txBytes, txErrors },
  ) => ({
    name,
    rxBytes: wholeNumber(rxBytes),
    rxErrors: wholeNumber(rxErrors),
    txBytes: wholeNumber(txBytes),
    txErrors: wholeNumber(txErrors),
  }));
  // The kubelet's rule.
  const main = interfaces.find(({ name }) => name === "eth0");
  return { time: apiTime(at), name: "", ...main, interfaces };
}

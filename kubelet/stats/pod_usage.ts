import { bytes } from "../../k8s/quantity.ts";
import type { Container, Pod } from "../../k8s/types.ts";
import type {
  ContainerSample,
  NetworkSample,
  VolumeSample,
} from "../../providers/samples.ts";
import type { CpuRate, Usage } from "./usage_sampler.ts";
import { sum } from "./whole_number.ts";

/** A container that runs, and what it uses. */
export interface ContainerUsage {
  readonly sample: ContainerSample & CpuRate;
  /** Undefined for a container that the pod's spec does not name. */
  readonly spec: Container | undefined;
  readonly memoryLimitBytes?: number;
}

/** A pod of which something is known, and what it uses. */
export interface PodUsage {
  readonly pod: Pod;
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly startedAt?: Date;
  /** By name. */
  readonly containers: readonly ContainerUsage[];
  readonly volumes: readonly VolumeSample[];
  readonly network?: NetworkSample;
  /** The sum of the containers; absent when none runs. */
  readonly total?: PodTotal;
}

/** What all containers of a pod use together. */
export interface PodTotal extends CpuRate {
  /** That of the newest sample. */
  readonly at: Date;
  /** Also of runs that have ended, as far as they were seen, so that it never falls. */
  readonly cpuNanos: number;
  readonly memoryBytes: number;
  /** Absent, as all that may be absent, unless it is known of every container. */
  readonly memoryUsageBytes?: number;
  readonly memoryRssBytes?: number;
  readonly memoryLimitBytes?: number;
}

/**
 * Joins pods with what they use, by UID, in the order of their names. Those that have ended are
 * left out, and those of which nothing is known.
 */
export function podUsages(
  pods: Iterable<Pod>,
  usage: Usage,
): readonly PodUsage[] {
  const containers = Map.groupBy(usage.containers, podUid);
  const volumes = Map.groupBy(usage.volumes, podUid);
  const networks = new Map(usage.networks.map((each) => [each.podUid, each]));
  const usages = [...pods].map((pod) => {
    const uid = pod.metadata?.uid ?? "";
    return podUsage(pod, {
      containers: containers.get(uid) ?? [],
      volumes: volumes.get(uid) ?? [],
      network: networks.get(uid),
      endedCpuNanos: usage.endedCpuNanos.get(uid) ?? 0,
    });
  });
  return usages.filter(isUsing).toSorted((a, b) =>
    order(a.namespace, b.namespace) || order(a.name, b.name) ||
    order(a.uid, b.uid)
  );
}

/** What an ended pod has left here is nobody's use of the node. */
function isUsing({ pod, containers, volumes, network }: PodUsage): boolean {
  if (containers.length > 0) return true;
  const { phase } = pod.status ?? {};
  if (phase === "Succeeded" || phase === "Failed") return false;
  return volumes.length > 0 || network !== undefined;
}

function podUsage(
  pod: Pod,
  { containers, volumes, network, endedCpuNanos }: {
    readonly containers: Usage["containers"];
    readonly volumes: Usage["volumes"];
    readonly network: NetworkSample | undefined;
    readonly endedCpuNanos: number;
  },
): PodUsage {
  const { name = "", namespace = "", uid = "" } = pod.metadata ?? {};
  const used = containers.map((sample) => containerUsage(pod, sample))
    .toSorted((a, b) => order(a.sample.container, b.sample.container));
  const startedAt = podStart(pod, used);
  return {
    ...{ pod, name, namespace, uid, containers: used },
    ...(startedAt && { startedAt }),
    volumes: volumes.toSorted((a, b) => order(a.volume, b.volume)),
    ...(network && { network }),
    ...podTotal(pod, used, endedCpuNanos),
  };
}

function containerUsage(
  { spec }: Pod,
  sample: ContainerSample & CpuRate,
): ContainerUsage {
  const specs = [...spec?.initContainers ?? [], ...spec?.containers ?? []];
  const container = specs.find(({ name }) => name === sample.container);
  const limit = container?.resources?.limits?.["memory"];
  return {
    sample,
    spec: container,
    ...(limit !== undefined && { memoryLimitBytes: bytes(limit) }),
  };
}

function podStart(
  { status }: Pod,
  containers: readonly ContainerUsage[],
): Date | undefined {
  if (status?.startTime !== undefined) return new Date(status.startTime);
  const starts = containers.map(({ sample }) => sample.startedAt.getTime());
  return starts.length === 0 ? undefined : new Date(Math.min(...starts));
}

function podTotal(
  { spec }: Pod,
  containers: readonly ContainerUsage[],
  endedCpuNanos: number,
): Pick<PodUsage, "total"> {
  if (containers.length === 0) return {};
  const samples = containers.map(({ sample }) => sample);
  // An init container with a limit does not limit the others.
  const limits = spec?.containers.map(({ resources }) =>
    resources?.limits?.["memory"]
  ).map((limit) => limit === undefined ? undefined : bytes(limit));
  return {
    total: {
      at: new Date(Math.max(...samples.map(({ at }) => at.getTime()))),
      cpuNanos: endedCpuNanos + sum(samples.map(({ cpuNanos }) => cpuNanos)),
      memoryBytes: sum(samples.map(({ memoryBytes }) => memoryBytes)),
      ...whole("nanoCores", samples.map(({ nanoCores }) => nanoCores)),
      ...whole(
        "memoryUsageBytes",
        samples.map(({ memoryUsageBytes }) => memoryUsageBytes),
      ),
      ...whole(
        "memoryRssBytes",
        samples.map(({ memoryRssBytes }) => memoryRssBytes),
      ),
      ...whole("memoryLimitBytes", limits ?? []),
    },
  };
}

/** The sum under `name`, unless a part of it is missing. */
function whole<K extends string>(
  name: K,
  parts: readonly (number | undefined)[],
): { readonly [key in K]?: number } {
  const known = parts.filter((part) => part !== undefined);
  const complete = parts.length > 0 && known.length === parts.length;
  return complete ? { [name]: sum(known) } as { [key in K]: number } : {};
}

function podUid({ podUid }: { readonly podUid: string }): string {
  return podUid;
}

function order(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

import type { MetricFamily } from "../../async/metric_text.ts";
import type { Node, Pod } from "../../k8s/types.ts";
import { cadvisorSeries, type Measured } from "./cadvisor_series.ts";
import { cadvisorSpec } from "./cadvisor_spec.ts";
import { machineMetrics } from "./machine_metrics.ts";
import { type PodUsage, podUsages } from "./pod_usage.ts";
import type { Usage } from "./usage_sampler.ts";

/** What {@linkcode cadvisorMetrics} is made of. */
export interface CadvisorInput {
  /** Undefined when it could not be had. */
  readonly usage: Usage | undefined;
  readonly pods: Iterable<Pod>;
  readonly node: Node | undefined;
}

/**
 * The families of `/metrics/cadvisor`, as far as they are known.
 *
 * As with cAdvisor, the node has the id `/`, and a pod's own series have no `container`.
 */
export function cadvisorMetrics(
  { usage, pods, node }: CadvisorInput,
): readonly MetricFamily[] {
  const error: MetricFamily = {
    name: "container_scrape_error",
    help:
      "1 if there was an error while getting container metrics, 0 otherwise",
    type: "gauge",
    samples: [{ labels: {}, value: usage === undefined ? 1 : 0 }],
  };
  const machine = machineMetrics(node);
  if (usage === undefined) return [error, ...machine];
  const used = podUsages(pods, usage);
  const limit = usage.node?.filesystem?.capacityBytes;
  const measured = [
    ...nodeMeasured(usage),
    ...used.flatMap((pod) => [
      ...podMeasured(pod),
      ...containersMeasured(pod, limit),
    ]),
  ];
  return [
    error,
    ...machine,
    ...cadvisorSeries(measured),
    ...cadvisorSpec(used.flatMap((pod) =>
      pod.containers.map((container) => ({
        labels: containerLabels(pod, container.sample.container),
        container,
      }))
    )),
  ];
}

function nodeMeasured({ node }: Usage): readonly Measured[] {
  if (node === undefined) return [];
  const { filesystem, ...sample } = node;
  const { capacityBytes, usedBytes, inodes, inodesFree } = filesystem ?? {};
  return [{
    ...sample,
    labels: { ...noLabels, id: "/" },
    ...(usedBytes !== undefined && { fsUsedBytes: usedBytes }),
    ...(capacityBytes !== undefined && { fsLimitBytes: capacityBytes }),
    ...(inodes !== undefined && { fsInodes: inodes }),
    ...(inodesFree !== undefined && { fsInodesFree: inodesFree }),
  }];
}

function podMeasured(pod: PodUsage): readonly Measured[] {
  const { name, namespace, total, network, startedAt } = pod;
  const at = total?.at ?? network?.at;
  if (at === undefined) return [];
  return [{
    ...total,
    ...{ labels: { ...noLabels, id: cgroup(pod), namespace, pod: name }, at },
    ...(startedAt && { startedAt }),
    ...(network && { interfaces: network.interfaces }),
  }];
}

function containersMeasured(
  pod: PodUsage,
  fsLimitBytes: number | undefined,
): readonly Measured[] {
  return pod.containers.map(({ sample }) => ({
    ...sample,
    labels: containerLabels(pod, sample.container),
    ...(sample.rootfsBytes !== undefined && {
      fsUsedBytes: sample.rootfsBytes,
      ...(fsLimitBytes !== undefined && { fsLimitBytes }),
    }),
  }));
}

const noLabels = {
  ...{ container: "", id: "", image: "", name: "", namespace: "", pod: "" },
};

function containerLabels(
  pod: PodUsage,
  container: string,
): Readonly<Record<string, string>> {
  const { status, spec } = pod.pod;
  const statuses = [
    ...status?.initContainerStatuses ?? [],
    ...status?.containerStatuses ?? [],
  ];
  const found = statuses.find(({ name }) => name === container);
  // The API has it as wasm://ID.
  const name = found?.containerID?.replace(/^.*:\/\//, "") ?? "";
  const image = found?.image ??
    spec?.containers.find(({ name }) => name === container)?.image ?? "";
  const id = `${cgroup(pod)}/${name === "" ? container : name}`;
  return {
    ...{ container, id, image, name },
    namespace: pod.namespace,
    pod: pod.name,
  };
}

/** Where the kubelet would have the pod; dashboards take it for a mere name. */
function cgroup({ pod, uid }: PodUsage): string {
  switch (pod.status?.qosClass) {
    case "BestEffort":
      return `/kubepods/besteffort/pod${uid}`;
    case "Burstable":
      return `/kubepods/burstable/pod${uid}`;
    default:
      return `/kubepods/pod${uid}`;
  }
}

import type { MetricFamily, MetricSample } from "../../async/metric_text.ts";
import type { Pod } from "../../k8s/types.ts";
import { type PodUsage, podUsages } from "./pod_usage.ts";
import type { Usage } from "./usage_sampler.ts";

/**
 * The families of `/metrics/resource`: names, help and labels are those of the kubelet's
 * pkg/kubelet/metrics/collectors/resource_metrics.go.
 *
 * metrics-server reads it. It leaves out a pod of which a container lacks CPU time, memory or a
 * start, or has none of it.
 *
 * @param usage Undefined when it could not be had.
 */
export function resourceMetrics(
  usage: Usage | undefined,
  pods: Iterable<Pod>,
): readonly MetricFamily[] {
  const error: MetricFamily = {
    name: "resource_scrape_error",
    help:
      "[STABLE] 1 if there was an error while getting container metrics, 0 otherwise",
    type: "gauge",
    samples: [{ labels: {}, value: usage === undefined ? 1 : 0 }],
  };
  if (usage === undefined) return [error];
  const used = podUsages(pods, usage);
  return [error, ...nodeFamilies(usage), ...podFamilies(used)];
}

function nodeFamilies({ node }: Usage): readonly MetricFamily[] {
  if (node === undefined) return [];
  const { at } = node;
  return [
    {
      name: "node_cpu_usage_seconds_total",
      help: "[STABLE] Cumulative cpu time consumed by the node in core-seconds",
      type: "counter",
      samples: [{ labels: {}, value: seconds(node.cpuNanos), at }],
    },
    {
      name: "node_memory_working_set_bytes",
      help: "[STABLE] Current working set of the node in bytes",
      type: "gauge",
      samples: [{ labels: {}, value: node.memoryBytes, at }],
    },
  ];
}

function podFamilies(pods: readonly PodUsage[]): readonly MetricFamily[] {
  const containers = pods.flatMap(({ name: pod, namespace, containers }) =>
    containers.map(({ sample }) => ({
      ...sample,
      // metrics-server looks for them in this order, which is that of the alphabet.
      labels: { container: sample.container, namespace, pod },
    }))
  );
  const totals = pods.flatMap(({ name: pod, namespace, total }) =>
    total === undefined ? [] : [{ ...total, labels: { namespace, pod } }]
  );
  return [
    {
      name: "container_start_time_seconds",
      help: "[STABLE] Start time of the container since unix epoch in seconds",
      type: "gauge",
      samples: containers.map(({ labels, startedAt }) => ({
        labels,
        value: startedAt.getTime() / 1000,
      })),
    },
    {
      name: "container_cpu_usage_seconds_total",
      help:
        "[STABLE] Cumulative cpu time consumed by the container in core-seconds",
      type: "counter",
      samples: containers.map(cpuSample),
    },
    {
      name: "container_memory_working_set_bytes",
      help: "[STABLE] Current working set of the container in bytes",
      type: "gauge",
      samples: containers.map(memorySample),
    },
    {
      name: "pod_cpu_usage_seconds_total",
      help: "[STABLE] Cumulative cpu time consumed by the pod in core-seconds",
      type: "counter",
      samples: totals.map(cpuSample),
    },
    {
      name: "pod_memory_working_set_bytes",
      help: "[STABLE] Current working set of the pod in bytes",
      type: "gauge",
      samples: totals.map(memorySample),
    },
  ];
}

interface Measured extends Pick<MetricSample, "labels"> {
  readonly at: Date;
  readonly cpuNanos: number;
  readonly memoryBytes: number;
}

function cpuSample({ labels, at, cpuNanos }: Measured): MetricSample {
  return { labels, value: seconds(cpuNanos), at };
}

function memorySample({ labels, at, memoryBytes }: Measured): MetricSample {
  return { labels, value: memoryBytes, at };
}

function seconds(nanos: number): number {
  return nanos / 1e9;
}

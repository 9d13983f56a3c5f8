import type { MetricFamily, MetricSample } from "../../async/metric_text.ts";
import type { InterfaceSample } from "../../providers/samples.ts";

/**
 * One thing as cAdvisor sees it: the node, a pod, or a container. What is not known of it is
 * absent, and so are its series.
 */
export interface Measured {
  /** Those of every series: `container`, `id`, `image`, `name`, `namespace`, `pod`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly at: Date;
  readonly startedAt?: Date;
  readonly cpuNanos?: number;
  readonly memoryBytes?: number;
  readonly memoryUsageBytes?: number;
  readonly memoryRssBytes?: number;
  readonly fsUsedBytes?: number;
  readonly fsLimitBytes?: number;
  readonly fsInodes?: number;
  readonly fsInodesFree?: number;
  readonly interfaces?: readonly InterfaceSample[];
}

/** What things use, as cAdvisor's families, with its names, help and labels (metrics/prometheus.go). */
export function cadvisorSeries(
  measured: readonly Measured[],
): readonly MetricFamily[] {
  return series.map(({ samples, ...family }) => ({
    ...family,
    samples: measured.flatMap(samples),
  }));
}

/** One family, and the samples that a thing has in it. */
interface Series extends Omit<MetricFamily, "samples"> {
  readonly samples: (measured: Measured) => readonly MetricSample[];
}

const series: readonly Series[] = [
  {
    name: "container_last_seen",
    help: "Last time a container was seen by the exporter",
    type: "gauge",
    samples: (it) => value(it, Math.floor(it.at.getTime() / 1000)),
  },
  {
    name: "container_start_time_seconds",
    help: "Start time of the container since unix epoch in seconds.",
    type: "gauge",
    samples: ({ labels, startedAt }) =>
      startedAt === undefined
        ? []
        : [{ labels, value: Math.floor(startedAt.getTime() / 1000) }],
  },
  {
    name: "container_cpu_usage_seconds_total",
    help: "Cumulative cpu time consumed in seconds.",
    type: "counter",
    samples: (it) =>
      value(it, it.cpuNanos && it.cpuNanos / 1e9, { cpu: "total" }),
  },
  gauge(
    "container_memory_working_set_bytes",
    "Current working set in bytes.",
    (it) => it.memoryBytes,
  ),
  gauge(
    "container_memory_usage_bytes",
    "Current memory usage in bytes, including all memory regardless of when it was accessed",
    (it) => it.memoryUsageBytes,
  ),
  gauge(
    "container_memory_rss",
    "Size of RSS in bytes.",
    (it) => it.memoryRssBytes,
  ),
  disk(
    "container_fs_usage_bytes",
    "Number of bytes that are consumed by the container on this filesystem.",
    (it) => it.fsUsedBytes,
  ),
  disk(
    "container_fs_limit_bytes",
    "Number of bytes that can be consumed by the container on this filesystem.",
    (it) => it.fsLimitBytes,
  ),
  disk(
    "container_fs_inodes_total",
    "Number of Inodes",
    (it) => it.fsInodes,
  ),
  disk(
    "container_fs_inodes_free",
    "Number of available Inodes",
    (it) => it.fsInodesFree,
  ),
  network(
    "container_network_receive_bytes_total",
    "Cumulative count of bytes received",
    ({ rxBytes }) => rxBytes,
  ),
  network(
    "container_network_receive_errors_total",
    "Cumulative count of errors encountered while receiving",
    ({ rxErrors }) => rxErrors,
  ),
  network(
    "container_network_transmit_bytes_total",
    "Cumulative count of bytes transmitted",
    ({ txBytes }) => txBytes,
  ),
  network(
    "container_network_transmit_errors_total",
    "Cumulative count of errors encountered while transmitting",
    ({ txErrors }) => txErrors,
  ),
];

function gauge(
  name: string,
  help: string,
  read: (measured: Measured) => number | undefined,
): Series {
  const samples = (it: Measured) => value(it, read(it));
  return { name, help, type: "gauge", samples };
}

function disk(
  name: string,
  help: string,
  read: (measured: Measured) => number | undefined,
): Series {
  // Nobody knows the device.
  const samples = (it: Measured) => value(it, read(it), { device: "" });
  return { name, help, type: "gauge", samples };
}

function network(
  name: string,
  help: string,
  read: (sample: InterfaceSample) => number,
): Series {
  const samples = (it: Measured) =>
    (it.interfaces ?? []).flatMap((sample) =>
      value(it, read(sample), { interface: sample.name })
    );
  return { name, help, type: "counter", samples };
}

function value(
  { labels, at }: Measured,
  value: number | undefined,
  more: Readonly<Record<string, string>> = {},
): readonly MetricSample[] {
  if (value === undefined) return [];
  return [{ labels: sorted({ ...labels, ...more }), value, at }];
}

/** As Prometheus' own libraries write labels. */
function sorted(
  labels: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(labels).toSorted(([a], [b]) => a < b ? -1 : 1),
  );
}

import type { MetricFamily } from "../../async/metric_text.ts";
import { cpuMillis } from "../../k8s/quantity.ts";
import type { ContainerUsage } from "./pod_usage.ts";

/** A container, and the labels of its series. */
export interface LabelledContainer {
  readonly labels: Readonly<Record<string, string>>;
  readonly container: ContainerUsage;
}

/** The kubelet's `cpuCFSQuotaPeriod`, in microseconds. */
const cpuPeriod = 100_000;

/** What pods ask for and are limited to, in cgroup terms: the `container_spec_*` of cAdvisor. */
export function cadvisorSpec(
  containers: readonly LabelledContainer[],
): readonly MetricFamily[] {
  const limited = containers.filter((each) =>
    quantity(each, "limits") !== undefined
  );
  return [
    {
      name: "container_spec_cpu_period",
      help: "CPU period of the container.",
      type: "gauge",
      samples: limited.map(({ labels }) => ({ labels, value: cpuPeriod })),
    },
    {
      name: "container_spec_cpu_quota",
      help: "CPU quota of the container.",
      type: "gauge",
      samples: limited.map((each) => ({
        labels: each.labels,
        value: millis(each, "limits") * cpuPeriod / 1000,
      })),
    },
    {
      name: "container_spec_cpu_shares",
      help: "CPU share of the container.",
      type: "gauge",
      samples: containers.map((each) => ({
        labels: each.labels,
        // `MilliCPUToShares` of the kubelet; without a request the limit is what is requested.
        value: Math.max(2, Math.floor(requestedMillis(each) * 1024 / 1000)),
      })),
    },
    {
      name: "container_spec_memory_limit_bytes",
      help: "Memory limit for the container.",
      type: "gauge",
      samples: containers.map(({ labels, container }) => ({
        labels,
        // As cAdvisor says that there is no limit.
        value: container.memoryLimitBytes ?? 0,
      })),
    },
  ];
}

function requestedMillis(each: LabelledContainer): number {
  return millis(
    each,
    quantity(each, "requests") === undefined ? "limits" : "requests",
  );
}

function millis(
  each: LabelledContainer,
  kind: "limits" | "requests",
): number {
  return cpuMillis(quantity(each, kind) ?? "0");
}

function quantity(
  { container }: LabelledContainer,
  kind: "limits" | "requests",
): string | undefined {
  return container.spec?.resources?.[kind]?.["cpu"];
}

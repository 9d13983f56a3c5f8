import type { MetricFamily, MetricSample } from "../../async/metric_text.ts";
import { httpDurationBounds, type HttpUsage } from "./http_usage.ts";

/** What the server in one container has answered. */
export interface ContainerHttpUsage {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly usage: HttpUsage;
}

/** The requests to HTTP guests as families of `/metrics`; each counts from the start of its run. */
export function httpMetrics(
  servers: readonly ContainerHttpUsage[],
): readonly MetricFamily[] {
  return [
    {
      name: "farlet_wasm_http_requests_total",
      help: "Requests that a WASI guest has answered, by the status",
      type: "counter",
      samples: servers.flatMap((server) =>
        Object.entries(server.usage.requests).map(([code, value]) => ({
          labels: { ...labelsOf(server), code },
          value,
        }))
      ),
    },
    {
      name: "farlet_wasm_http_requests_in_flight",
      help: "Requests that a WASI guest is answering",
      type: "gauge",
      samples: servers.map((server) => ({
        labels: labelsOf(server),
        value: server.usage.active,
      })),
    },
    {
      name: "farlet_wasm_http_request_duration_seconds",
      help:
        "How long a WASI guest took for a request, to the end of its answer",
      type: "histogram",
      samples: servers.flatMap(durationSamples),
    },
  ];
}

function labelsOf({ namespace, pod, container }: ContainerHttpUsage) {
  return { container, namespace, pod };
}

function durationSamples(server: ContainerHttpUsage): readonly MetricSample[] {
  const labels = labelsOf(server);
  const { durations, totalSeconds } = server.usage;
  let count = 0;
  const buckets = [...httpDurationBounds, Infinity].map((bound, i) => {
    count += durations[i] ?? 0;
    const le = bound === Infinity ? "+Inf" : `${bound}`;
    return { labels: { ...labels, le }, value: count, suffix: "_bucket" };
  });
  return [
    ...buckets,
    { labels, value: totalSeconds, suffix: "_sum" },
    { labels, value: count, suffix: "_count" },
  ];
}

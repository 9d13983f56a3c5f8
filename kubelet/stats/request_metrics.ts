import type { Metrics } from "../../async/metrics.ts";

/** Counts requests to the kubelet API, and for how long they are served. */
export interface RequestMetrics {
  /** A request begins; it ends when the scope is left. */
  begin(request: RequestName): Disposable;
}

/** A request, as far as it matters for counting. */
export interface RequestName {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
}

/** `prometheus.DefBuckets`, in seconds. */
const buckets = [.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10];

const methods: ReadonlySet<string> = new Set([
  ...["OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT"],
]);

/** The first parts of paths that are counted by name; the others together, so that nobody invents series. */
const roots: ReadonlySet<string> = new Set([
  ...["attach", "checkpoint", "configz", "containerLogs", "exec", "flagz"],
  ...["healthz", "logs", "metrics", "metrics/cadvisor", "metrics/probes"],
  ...["metrics/resource", "pods", "portForward", "run", "runningpods"],
  ...["stats", "statusz"],
]);

/** Request metrics under the names and with the labels of the kubelet's pkg/kubelet/server. */
export function requestMetrics(metrics: Metrics): RequestMetrics {
  const requests = metrics.counter({
    name: "kubelet_http_requests_total",
    help:
      "[ALPHA] Number of the http requests received since the server started",
  });
  const durations = metrics.histogram({
    name: "kubelet_http_requests_duration_seconds",
    help: "[ALPHA] Duration in seconds to serve http requests",
    buckets,
  });
  return {
    begin({ method, path }) {
      const root = rootOf(path);
      const labels = {
        "long_running": String(root === "exec" || root === "attach"),
        method: methods.has(method) ? method : "other",
        path: root,
        "server_type": "readwrite",
      };
      const startedAt = performance.now();
      requests.add(labels);
      return {
        [Symbol.dispose]: () =>
          durations.observe(labels, (performance.now() - startedAt) / 1000),
      };
    },
  };
}

function rootOf(path: string): string {
  const [, first = "", second] = path.split("/");
  const root = first === "metrics" && second !== undefined
    ? `${first}/${second}`
    : first;
  return roots.has(root) ? root : "other";
}

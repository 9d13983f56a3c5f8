import assert from "node:assert/strict";
import { metricText } from "../../async/metric_text.ts";
import { resourceMetrics } from "./resource_metrics.ts";
import { ended, small, usage, web } from "./test_usage.ts";

const pods = [web, small, ended];

Deno.test("resourceMetrics() is what the kubelet's collector writes", () => {
  assert.equal(
    metricText(resourceMetrics(usage, pods)),
    `# HELP container_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the container in core-seconds
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container="app",namespace="default",pod="web"} 1.234567891 1767225700500
container_cpu_usage_seconds_total{container="side",namespace="default",pod="web"} 3 1767225700495
container_cpu_usage_seconds_total{container="one",namespace="other",pod="small"} 0 1767225700500
# HELP container_memory_working_set_bytes [STABLE] Current working set of the container in bytes
# TYPE container_memory_working_set_bytes gauge
container_memory_working_set_bytes{container="app",namespace="default",pod="web"} 1048576 1767225700500
container_memory_working_set_bytes{container="side",namespace="default",pod="web"} 3000000 1767225700495
container_memory_working_set_bytes{container="one",namespace="other",pod="small"} 2097152 1767225700500
# HELP container_start_time_seconds [STABLE] Start time of the container since unix epoch in seconds
# TYPE container_start_time_seconds gauge
container_start_time_seconds{container="app",namespace="default",pod="web"} 1767225610.25
container_start_time_seconds{container="side",namespace="default",pod="web"} 1767225620
container_start_time_seconds{container="one",namespace="other",pod="small"} 1767225690
# HELP node_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the node in core-seconds
# TYPE node_cpu_usage_seconds_total counter
node_cpu_usage_seconds_total 200.0000000004 1767225700500
# HELP node_memory_working_set_bytes [STABLE] Current working set of the node in bytes
# TYPE node_memory_working_set_bytes gauge
node_memory_working_set_bytes 1073741824 1767225700500
# HELP pod_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the pod in core-seconds
# TYPE pod_cpu_usage_seconds_total counter
pod_cpu_usage_seconds_total{namespace="default",pod="web"} 4.734567891 1767225700500
pod_cpu_usage_seconds_total{namespace="other",pod="small"} 0 1767225700500
# HELP pod_memory_working_set_bytes [STABLE] Current working set of the pod in bytes
# TYPE pod_memory_working_set_bytes gauge
pod_memory_working_set_bytes{namespace="default",pod="web"} 4048576 1767225700500
pod_memory_working_set_bytes{namespace="other",pod="small"} 2097152 1767225700500
# HELP resource_scrape_error [STABLE] 1 if there was an error while getting container metrics, 0 otherwise
# TYPE resource_scrape_error gauge
resource_scrape_error 0
`,
  );
});

Deno.test("resourceMetrics() of a failed scrape is the error alone", () => {
  const [error, ...others] = resourceMetrics(undefined, pods);
  assert.equal(error?.name, "resource_scrape_error");
  assert.equal(error.samples[0]?.value, 1);
  assert.deepEqual(others, []);
});

// The rules of metrics-server v0.9 (pkg/scraper/client/resource/decode.go), which reads bytes.

/** The names of series that metrics-server looks at, and which of them are a container's. */
const readByMetricsServer = new Map([
  ["node_cpu_usage_seconds_total", false],
  ["node_memory_working_set_bytes", false],
  ["container_cpu_usage_seconds_total", true],
  ["container_memory_working_set_bytes", true],
  ["container_start_time_seconds", true],
]);

/** The text between the first `tag="` and the next quote, as metrics-server cuts labels out. */
function cut(labels: string, tag: string): string {
  const start = labels.indexOf(`${tag}="`) + tag.length + 2;
  return labels.slice(start, labels.indexOf('"', start));
}

Deno.test("metrics-server finds every container that runs, whole and with a time, in resourceMetrics()", () => {
  // A pod name that looks like a tag, and a label cut from the left, would mislead it.
  const named = {
    ...web,
    metadata: { ...web.metadata, name: "pod", namespace: "container" },
  };
  const lines = metricText(resourceMetrics(usage, [named])).trimEnd().split(
    "\n",
  );
  const found = new Map<string, Map<string, string>>();
  for (const line of lines.filter((line) => !line.startsWith("#"))) {
    const [series = "", value = "", time] = line.split(" ");
    const name = series.replace(/\{.*$/, "");
    const ofContainer = readByMetricsServer.get(name);
    if (ofContainer === undefined) continue;
    const labels = series.slice(name.length);
    const key = ofContainer
      ? ["namespace", "pod", "container"].map((tag) => cut(labels, tag))
        .join("/")
      : "node";
    const known = found.get(key) ?? new Map();
    assert.equal(known.has(name), false, `${name} of ${key} comes twice`);
    found.set(key, known.set(name, value));
    assert.match(value, /^\d+(\.\d+)?$/);
    assert.ok(Number(value) > 0, `${line}: it drops what is zero`);
    if (name === "container_start_time_seconds") continue;
    // Milliseconds: what is cut to seconds looks like no new sample.
    assert.match(time ?? "", /^\d{13}$/);
  }
  const all = [...readByMetricsServer.keys()];
  const [nodeSeries, containerSeries] = [all.slice(0, 2), all.slice(2)];
  const whole = [...found].map(([key, values]) => [key, [...values.keys()]]);
  const sorted = (names: readonly string[]) => names.toSorted();
  assert.deepEqual(
    whole.map(([key, names]) => [key, sorted(names as string[])]),
    [
      ["container/pod/app", sorted(containerSeries)],
      ["container/pod/side", sorted(containerSeries)],
      ["node", sorted(nodeSeries)],
    ],
  );
});

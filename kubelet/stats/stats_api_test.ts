import assert from "node:assert/strict";
import { Metrics } from "../../async/metrics.ts";
import type { KubeletContext } from "../context.ts";
import { statsApi } from "./stats_api.ts";
import { usage, web } from "./test_usage.ts";

const measuring: KubeletContext = {
  nodeName: "n1",
  version: "1.2.3",
  backend: {
    stats: () => Promise.resolve({ containers: usage.containers }),
  },
  nodeStats: () =>
    usage.node ? Promise.resolve(usage.node) : Promise.reject(new Error()),
  pods: () => [web],
  findPod: () => undefined,
};
const failing: KubeletContext = {
  ...measuring,
  backend: { stats: () => Promise.reject(new Error("no /proc")) },
};
const { nodeStats: _, ...blind } = { ...measuring, backend: {} };

async function get(
  ctx: KubeletContext,
  path: string,
  headers: Readonly<Record<string, string>> = {},
) {
  const request = new Request(new URL(path, "http://n1"), { headers });
  const { pathname } = new URL(request.url);
  const answer = statsApi(ctx, ctx.metrics ?? new Metrics()).get(pathname);
  assert.ok(answer, path);
  const response = await answer(request);
  const type = response.headers.get("content-type");
  return { status: response.status, type, text: await response.text() };
}

const metricsType =
  "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

Deno.test("GET /stats/summary is JSON", async () => {
  const { status, type, text } = await get(measuring, "/stats/summary");
  assert.equal(status, 200);
  assert.equal(type, "application/json");
  const { node, pods } = JSON.parse(text);
  assert.equal(node.nodeName, "n1");
  assert.ok(node.fs);
  assert.equal(pods[0].podRef.name, "web");
  assert.ok(pods[0].containers[0].rootfs);
});

for (
  const [query, cpuOnly] of [
    ["only_cpu_and_memory=true", true],
    ["only_cpu_and_memory=1", false],
    ["only_cpu_and_memory=true&only_cpu_and_memory=true", false],
  ] as const
) {
  Deno.test(`GET /stats/summary?${query} has ${cpuOnly ? "no" : "a"} file system`, async () => {
    const { text } = await get(measuring, `/stats/summary?${query}`);
    assert.equal(JSON.parse(text).node.fs === undefined, cpuOnly);
  });
}

Deno.test("GET /stats/summary is 500 when the provider fails", async () => {
  const { status, text } = await get(failing, "/stats/summary");
  assert.equal(status, 500);
  assert.equal(text, "Internal Error: no /proc");
});

for (const path of ["/metrics/resource", "/metrics/cadvisor"]) {
  Deno.test(`GET ${path} is text of Prometheus`, async () => {
    const { status, type, text } = await get(measuring, path);
    assert.equal(status, 200);
    assert.equal(type, metricsType);
    assert.match(text, /^container_cpu_usage_seconds_total\{.*"app"/m);
    assert.match(text, /scrape_error 0\n/);
  });

  Deno.test(`GET ${path} tells when the provider fails`, async () => {
    const { status, text } = await get(failing, path);
    assert.equal(status, 200);
    assert.match(text, /scrape_error 1\n/);
    assert.doesNotMatch(text, /^container_cpu_usage_seconds_total/m);
  });
}

for (
  const path of ["/stats/summary", "/metrics/resource", "/metrics/cadvisor"]
) {
  Deno.test(`GET ${path} is 501 for a provider that measures nothing`, async () => {
    const { status, text } = await get(blind, path);
    assert.equal(status, 501);
    assert.equal(text, "The provider of this node cannot tell what pods use");
  });
}

Deno.test("GET /metrics tells of the agent, also when the provider measures nothing", async () => {
  const metrics = new Metrics();
  metrics.counter({ name: "some_total", help: "Some" }).add({}, 5);
  const { status, type, text } = await get({ ...blind, metrics }, "/metrics");
  assert.equal(status, 200);
  assert.equal(type, metricsType);
  assert.match(text, /^farlet_build_info\{.*version="1\.2\.3"\} 1$/m);
  assert.match(text, /^kubelet_node_name\{node="n1"\} 1$/m);
  assert.match(text, /^kubelet_running_pods 1$/m);
  assert.match(
    text,
    /^kubelet_running_containers\{container_state="exited"\} 0$/m,
  );
  assert.match(
    text,
    /^kubelet_running_containers\{container_state="running"\} 2$/m,
  );
  assert.match(text, /^some_total 5$/m);
  const value = (name: string) =>
    Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]);
  assert.ok(value("process_resident_memory_bytes") > 10e6);
  assert.ok(value("process_cpu_seconds_total") > 0);
  const age = Date.now() / 1000 - value("process_start_time_seconds");
  assert.ok(age > 0 && age < 3600, `${age} s`);
});

Deno.test({
  name: "GET /metrics counts open files",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const { text } = await get(blind, "/metrics");
    const count = (name: string) =>
      Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
    assert.ok(count("process_open_fds") > 2);
    assert.ok(count("process_max_fds") > count("process_open_fds"));
  },
});

Deno.test("GET /metrics/probes has what is known of probes", async () => {
  const { status, type, text } = await get(blind, "/metrics/probes");
  assert.equal(status, 200);
  assert.equal(type, metricsType);
  assert.match(text, /^process_start_time_seconds [\d.]+$/m);
  assert.doesNotMatch(text, /prober/);
  const probeMetrics = new Metrics();
  probeMetrics.counter({ name: "prober_probe_total", help: "Probes" })
    .add({ result: "failed" });
  const known = await get({ ...blind, probeMetrics }, "/metrics/probes");
  assert.match(known.text, /^prober_probe_total\{result="failed"\} 1$/m);
  assert.match(known.text, /^process_start_time_seconds [\d.]+$/m);
});

for (
  const [accept, escaping] of [
    // What Prometheus 3 sends.
    [
      "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.4",
      "allow-utf-8",
    ],
    ["text/plain;version=0.0.4; escaping=dots", "dots"],
    ["text/plain;escaping=nonsense", "underscores"],
    ["application/json, */*", "underscores"],
  ] as const
) {
  Deno.test(`GET /metrics answers ${accept} with escaping=${escaping}`, async () => {
    const { type } = await get(blind, "/metrics", { accept });
    assert.equal(
      type,
      `text/plain; version=0.0.4; charset=utf-8; escaping=${escaping}`,
    );
  });
}

import assert from "node:assert/strict";
import { metricText } from "../../async/metric_text.ts";
import type { Node } from "../../k8s/types.ts";
import { cadvisorMetrics } from "./cadvisor_metrics.ts";
import { small, usage, web } from "./test_usage.ts";

const nodeInfo = {
  ...{ bootID: "b", machineID: "m", systemUUID: "s", architecture: "amd64" },
  ...{ kernelVersion: "6.1", osImage: "Debian", operatingSystem: "linux" },
  kubeletVersion: "v1.37.2-farlet-1",
  kubeProxyVersion: "",
  containerRuntimeVersion: "farlet-wasm://1",
};
const node: Node = {
  status: { nodeInfo, capacity: { cpu: "2", memory: "1Gi" } },
};

/** The lines of `text` that are samples of the family. */
function samples(text: string, family: string): readonly string[] {
  return text.split("\n").filter((line) =>
    line.startsWith(`${family}{`) || line.startsWith(`${family} `)
  );
}

const text = metricText(
  cadvisorMetrics({ usage, pods: [web, small], node }),
);
const now = "1767225700500";
const pod = 'namespace="default",pod="web"';
const webId = "/kubepods/burstable/podu-web";
const root = 'id="/",image="",';
const noPod = 'name="",namespace="",pod=""';
const ofPod = `id="${webId}",image="",`;
const ofApp = `id="${webId}/id-app",image="app:1",`;
const ofSide = `id="${webId}/id-side",image="side:1",name="id-side",${pod}`;
const ofOne =
  'id="/kubepods/podu-small/one",image="one:1",name="",namespace="other",pod="small"';

const families: [family: string, want: readonly string[]][] = [
  ["container_cpu_usage_seconds_total", [
    `{container="",cpu="total",${root}${noPod}} 200.0000000004 ${now}`,
    `{container="",cpu="total",${ofPod}name="",${pod}} 4.734567891 ${now}`,
    `{container="app",cpu="total",${ofApp}name="id-app",${pod}} 1.234567891 ${now}`,
    `{container="side",cpu="total",${ofSide}} 3 1767225700495`,
    `{container="",cpu="total",id="/kubepods/podu-small",image="",name="",namespace="other",pod="small"} 0 ${now}`,
    `{container="one",cpu="total",${ofOne}} 0 ${now}`,
  ]],
  ["container_memory_rss", [
    `{container="app",${ofApp}name="id-app",${pod}} 524288 ${now}`,
  ]],
  ["container_memory_usage_bytes", [
    `{container="",${root}${noPod}} 1073741825 ${now}`,
    `{container="app",${ofApp}name="id-app",${pod}} 2097152 ${now}`,
  ]],
  // Not known, and so not there.
  ["container_memory_cache", []],
  ["container_network_receive_packets_total", []],
  ["container_network_receive_bytes_total", [
    `{container="",${root}interface="eth0",${noPod}} 1 ${now}`,
    `{container="",${root}interface="eth1",${noPod}} 5 ${now}`,
    `{container="",${ofPod}interface="tun0",name="",${pod}} 9 ${now}`,
  ]],
  ["container_network_transmit_errors_total", [
    `{container="",${root}interface="eth0",${noPod}} 4 ${now}`,
    `{container="",${root}interface="eth1",${noPod}} 8 ${now}`,
    `{container="",${ofPod}interface="tun0",name="",${pod}} 1 ${now}`,
  ]],
  ["container_fs_usage_bytes", [
    `{container="",device="",${root}${noPod}} 500 ${now}`,
    `{container="app",device="",${ofApp}name="id-app",${pod}} 100 ${now}`,
  ]],
  ["container_fs_limit_bytes", [
    `{container="",device="",${root}${noPod}} 1000 ${now}`,
    `{container="app",device="",${ofApp}name="id-app",${pod}} 1000 ${now}`,
  ]],
  ["container_start_time_seconds", [
    `{container="",${root}${noPod}} 1767225600`,
    `{container="",${ofPod}name="",${pod}} 1767225600`,
    `{container="app",${ofApp}name="id-app",${pod}} 1767225610`,
    `{container="side",${ofSide}} 1767225620`,
    `{container="",id="/kubepods/podu-small",image="",name="",namespace="other",pod="small"} 1767225690`,
    `{container="one",${ofOne}} 1767225690`,
  ]],
  ["container_spec_cpu_period", [
    `{container="app",${ofApp}name="id-app",${pod}} 100000`,
  ]],
  ["container_spec_cpu_quota", [
    `{container="app",${ofApp}name="id-app",${pod}} 50000`,
  ]],
  ["container_spec_cpu_shares", [
    `{container="app",${ofApp}name="id-app",${pod}} 102`,
    `{container="side",${ofSide}} 2`,
    `{container="one",${ofOne}} 2`,
  ]],
  ["container_spec_memory_limit_bytes", [
    `{container="app",${ofApp}name="id-app",${pod}} 67108864`,
    `{container="side",${ofSide}} 0`,
    `{container="one",${ofOne}} 1048576`,
  ]],
  ["machine_cpu_cores", [
    '{boot_id="b",machine_id="m",system_uuid="s"} 2',
  ]],
  ["machine_memory_bytes", [
    '{boot_id="b",machine_id="m",system_uuid="s"} 1073741824',
  ]],
  ["cadvisor_version_info", [
    '{cadvisorRevision="",cadvisorVersion="v1.37.2-farlet-1",dockerVersion="",kernelVersion="6.1",osVersion="Debian"} 1',
  ]],
  ["container_scrape_error", [" 0"]],
];
for (const [family, want] of families) {
  Deno.test(`cadvisorMetrics() has ${family} of what it is known of`, () => {
    const lines = samples(text, family);
    assert.deepEqual(lines.map((line) => line.slice(family.length)), want);
  });
}

Deno.test("cadvisorMetrics() has no series twice", () => {
  const series = text.split("\n").filter((line) =>
    line !== "" && !line.startsWith("#")
  ).map((line) => line.replace(/ .*$/, ""));
  assert.ok(series.length > 40);
  assert.deepEqual(series, [...new Set(series)]);
});

Deno.test("cadvisorMetrics() of a failed scrape still describes the machine", () => {
  const failed = metricText(
    cadvisorMetrics({ usage: undefined, pods: [web], node }),
  );
  assert.deepEqual(samples(failed, "container_scrape_error"), [
    "container_scrape_error 1",
  ]);
  assert.equal(samples(failed, "machine_cpu_cores").length, 1);
  assert.doesNotMatch(failed, /^container_cpu/m);
});

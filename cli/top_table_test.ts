import assert from "node:assert/strict";
import type { PodStats } from "../kubelet/stats/summary_types.ts";
import { containerRows, nodeRow, podRows } from "./top_table.ts";

const time = "2026-01-01T00:00:00Z";
const cpu = { time, usageCoreNanoSeconds: 1, usageNanoCores: 1_500_001 };
const memory = { time, workingSetBytes: 5 * 1024 ** 2 + 1 };
const podRef = { name: "web", namespace: "default", uid: "u" };
const container = { name: "app", startTime: time, cpu, memory };
const pod: PodStats = {
  podRef,
  startTime: time,
  containers: [container],
  cpu,
  memory,
};

Deno.test("podRows() rounds as kubectl top: cores up, mebibytes down", () => {
  const other = { ...pod, podRef: { ...podRef, name: "api" } };
  assert.deepEqual(podRows([pod, other], { allNamespaces: false }), [
    ["api", "2m", "5Mi"],
    ["web", "2m", "5Mi"],
  ]);
  assert.deepEqual(podRows([pod], { allNamespaces: true })[0]?.[0], "default");
});

Deno.test("containerRows() has a row for each container", () => {
  const rows = containerRows([pod], { allNamespaces: false });
  assert.deepEqual(rows, [["web", "app", "2m", "5Mi"]]);
});

Deno.test("nodeRow() has shares of what can be allocated, or says that it does not know", () => {
  const node = { nodeName: "edge-1", startTime: time };
  const all = { cpuMillis: 10, bytes: 50 * 1024 ** 2 };
  assert.deepEqual(
    nodeRow({ node: { ...node, cpu, memory }, pods: [] }, all),
    ["edge-1", "2m", "15%", "5Mi", "10%"],
  );
  const unknown = "<unknown>";
  assert.deepEqual(
    nodeRow({ node, pods: [] }, all),
    ["edge-1", unknown, unknown, unknown, unknown],
  );
});

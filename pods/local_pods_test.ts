import assert from "node:assert/strict";
import type { Pod, PodStatus } from "../k8s/types.ts";
import { LocalPods } from "./local_pods.ts";

const published: PodStatus = {
  phase: "Running",
  qosClass: "BestEffort",
  conditions: [
    { type: "PodScheduled", status: "True" },
    { type: "Ready", status: "True" },
  ],
};
const pod: Pod = { metadata: { uid: "u1", name: "web" }, status: published };
const failed: PodStatus = {
  phase: "Failed",
  reason: "Error",
  conditions: [{ type: "Ready", status: "False" }],
};

Deno.test("LocalPods shows a pod as it is now, with what only the API server knows", () => {
  const local = new LocalPods();
  assert.equal(local.view(pod), pod);
  local.setStatus("u1", failed);
  assert.deepEqual(local.view(pod)?.status, {
    phase: "Failed",
    reason: "Error",
    qosClass: "BestEffort",
    conditions: [
      { type: "Ready", status: "False" },
      { type: "PodScheduled", status: "True" },
    ],
  });
  local.forget("u1");
  assert.equal(local.view(pod), pod);
});

Deno.test("LocalPods shows a published status as it was published", () => {
  const local = new LocalPods();
  const { conditions = [] } = published;
  local.setStatus("u1", { phase: "Running", conditions: conditions.slice(1) });
  assert.deepEqual(local.view(pod)?.status, published);
});

Deno.test("LocalPods marks a pod that must end, and hides it when it has", () => {
  const local = new LocalPods();
  local.delete("u1", 30);
  const { metadata } = local.view(pod) ?? {};
  assert.equal(metadata?.deletionGracePeriodSeconds, 30);
  const left = Date.parse(metadata?.deletionTimestamp ?? "") - Date.now();
  assert.ok(left > 25_000 && left <= 30_000, `${left}`);
  local.ended("u1");
  assert.equal(local.view(pod), undefined);
});

Deno.test("LocalPods takes less grace than before, never more", () => {
  const local = new LocalPods();
  local.delete("u1", 30);
  local.delete("u1", 2);
  local.delete("u1", 10);
  assert.equal(local.deletion("u1")?.graceSeconds, 2);
});

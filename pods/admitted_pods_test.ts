import assert from "node:assert/strict";
import type { Pod } from "../k8s/types.ts";
import { AdmittedPods } from "./admitted_pods.ts";

const node = { allocatable: { cpu: "2", pods: "2000" } };

function pod(cpu: string, hostPort = 0): Pod {
  const ports = hostPort === 0 ? [] : [{ containerPort: 80, hostPort }];
  const resources = { requests: { cpu } };
  return { spec: { containers: [{ name: "c", resources, ports }] } };
}

Deno.test("AdmittedPods takes pods until the node is full, and again once one has gone", () => {
  const admitted = new AdmittedPods();
  assert.equal(admitted.admit("a", pod("1", 80), node), undefined);
  assert.equal(admitted.admit("b", pod("1"), node), undefined);
  assert.equal(admitted.admit("c", pod("1m"), node)?.reason, "OutOfcpu");
  assert.equal(admitted.has("c"), false);
  assert.equal(admitted.remove("a"), true);
  assert.equal(admitted.remove("a"), false);
  assert.equal(admitted.admit("c", pod("1m", 80), node), undefined);
  assert.equal(admitted.requests.get("cpu"), 1001);
});

Deno.test("AdmittedPods judges a pod that asks for more beside the others, not beside itself", () => {
  const admitted = new AdmittedPods();
  admitted.add("a", pod("1", 80));
  admitted.add("b", pod("500m"));
  assert.equal(admitted.admit("a", pod("1500m", 80), node), undefined);
  assert.equal(admitted.admit("a", pod("1501m", 80), node)?.reason, "OutOfcpu");
  assert.equal(admitted.requests.get("cpu"), 2000);
  assert.equal(admitted.pods, 2);
});

Deno.test("AdmittedPods counts a pod that is there whatever room there is", () => {
  const admitted = new AdmittedPods();
  admitted.add("a", pod("3"));
  admitted.add("a", pod("3"));
  assert.equal(admitted.requests.get("cpu"), 3000);
});

Deno.test("AdmittedPods tells what waits once there may be more room", () => {
  const told: string[] = [];
  const admitted = new AdmittedPods((uid) => told.push(uid));
  admitted.add("a", pod("1"));
  admitted.add("b", pod("1"));
  admitted.wait("b");
  assert.equal(admitted.admit("c", pod("1"), node)?.reason, "OutOfcpu");
  assert.deepEqual(told, []);
  assert.equal(admitted.admit("a", pod("500m"), node), undefined);
  admitted.remove("a");
  assert.deepEqual(told, ["b"]);
});

Deno.test("AdmittedPods keeps sums: a pod among a thousand costs what one alone does", () => {
  const admitted = new AdmittedPods();
  for (let i = 0; i < 1000; i++) admitted.add(`u${i}`, pod("1m", 10_000 + i));
  assert.equal(admitted.requests.get("cpu"), 1000);
  assert.equal(
    admitted.admit("last", pod("1", 10_999), node)?.reason,
    "NodePorts",
  );
  for (let i = 0; i < 1000; i++) admitted.remove(`u${i}`);
  assert.equal(admitted.requests.get("cpu"), 0);
  assert.equal(admitted.admit("last", pod("2", 10_999), node), undefined);
});

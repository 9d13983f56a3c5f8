// deno-lint-ignore-file no-non-null-assertion
import assert from "node:assert/strict";
import type { NodeStatus } from "../k8s/types.ts";
import { nodeConditions, type Readiness } from "./conditions.ts";
import { reportInterval, statusPatch } from "./status_patch.ts";

const start = new Date("2026-01-02T03:04:05Z");
const ready: Readiness = { kind: "ready" };

function status(changes: NodeStatus = {}): NodeStatus {
  return {
    addresses: [{ type: "InternalIP", address: "10.0.0.5" }],
    capacity: { cpu: "4", pods: "110" },
    allocatable: { cpu: "4", pods: "110" },
    conditions: nodeConditions(ready, [], start),
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    ...changes,
  };
}

function after(ms: number): Date {
  return new Date(start.getTime() + ms);
}

Deno.test("statusPatch() is undefined when nothing but times has changed", () => {
  const now = after(10_000);
  const wanted = status({ conditions: nodeConditions(ready, [], now) });
  assert.equal(statusPatch(status(), wanted, now), undefined);
});

Deno.test("statusPatch() keeps others' conditions and resources out of it", () => {
  const current = status();
  current.conditions!.push({ type: "KernelDeadlock", status: "False" });
  current.capacity!["example.com/gpu"] = "2";
  assert.equal(statusPatch(current, status(), after(1)), undefined);
});

Deno.test("statusPatch() reports an unchanged status after five minutes", () => {
  const current = status();
  assert.equal(
    statusPatch(current, status(), after(reportInterval - 1000)),
    undefined,
  );
  const patch = statusPatch(current, status(), after(reportInterval));
  assert.deepEqual(Object.keys(patch!.status), ["conditions"]);
});

Deno.test("statusPatch() reports when a condition of farlet's is missing", () => {
  const current = status({ conditions: status().conditions!.slice(1) });
  assert.ok(statusPatch(current, status(), after(1)));
});

Deno.test("statusPatch() reports over a heartbeat from a far future", () => {
  assert.ok(statusPatch(status(), status(), after(-2 * reportInterval)));
});

Deno.test("statusPatch() sends the resources that changed, and all of farlet's conditions", () => {
  const wanted = status({ capacity: { cpu: "8", pods: "110" } });
  const patch = statusPatch(status(), wanted, after(1));
  assert.deepEqual(patch, {
    status: { capacity: { cpu: "8" }, conditions: wanted.conditions },
  });
});

Deno.test("statusPatch() replaces the whole list of addresses", () => {
  const addresses = [
    { type: "InternalIP", address: "10.0.0.6" },
    { type: "InternalIP", address: "fd00::6" },
  ];
  const patch = statusPatch(status(), status({ addresses }), after(1));
  assert.deepEqual(patch?.status.addresses, [
    ...addresses,
    { $patch: "replace" },
  ]);
});

Deno.test("statusPatch() puts right a Ready condition that the node controller set", () => {
  const current = status();
  const index = current.conditions!.findIndex(({ type }) => type === "Ready");
  current.conditions![index]!.status = "Unknown";
  const patch = statusPatch(current, status(), after(1));
  assert.ok(
    patch?.status.conditions.some(({ type, status }) =>
      type === "Ready" && status === "True"
    ),
  );
});

Deno.test("statusPatch() sends a changed port", () => {
  const daemonEndpoints = { kubeletEndpoint: { Port: 10251 } };
  const patch = statusPatch(status(), status({ daemonEndpoints }), after(1));
  assert.deepEqual(patch?.status.daemonEndpoints, daemonEndpoints);
});

Deno.test("statusPatch() leaves alone what is not wanted yet", () => {
  const { conditions = [] } = status();
  assert.equal(statusPatch(status(), { conditions }, after(1)), undefined);
});

Deno.test("statusPatch() declares features with each report, but not to a server that drops them", () => {
  const wanted = status({ declaredFeatures: ["A"] });
  const declared = (current: NodeStatus, at: Date) =>
    statusPatch(current, wanted, at)?.status.declaredFeatures;
  assert.deepEqual(declared(status(), after(reportInterval)), ["A"]);
  assert.deepEqual(
    declared(status({ declaredFeatures: [] }), after(1)),
    ["A"],
  );
  assert.equal(statusPatch(status(), wanted, after(1)), undefined);
  assert.equal(statusPatch(wanted, wanted, after(1)), undefined);
});

import assert from "node:assert/strict";
import {
  isSameCondition,
  nodeConditions,
  nodeReadiness,
} from "./conditions.ts";

const t0 = new Date("2026-01-02T03:04:05.678Z");
const t1 = new Date("2026-01-02T03:05:05.999Z");

Deno.test("nodeReadiness() is not ready before the pods are known", () => {
  const readiness = nodeReadiness({
    health: { kind: "healthy" },
    podsSynced: false,
  });
  assert.equal(readiness.kind, "notReady");
});

Deno.test("nodeReadiness() gives the provider's reason and message", () => {
  const reason = "HostUnreachable";
  const message = "no route to 10.0.0.1";
  assert.deepEqual(
    nodeReadiness({
      health: { kind: "unhealthy", reason, message },
      podsSynced: true,
    }),
    { kind: "notReady", reason, message },
  );
});

Deno.test("nodeReadiness() says first that the machine is about to go down", () => {
  const message = "gone";
  assert.deepEqual(
    nodeReadiness({
      health: { kind: "unhealthy", reason: "HostUnreachable", message },
      podsSynced: true,
      shuttingDown: true,
    }),
    {
      kind: "notReady",
      reason: "KubeletNotReady",
      message: "node is shutting down",
    },
  );
});

Deno.test("nodeReadiness() is ready when healthy and synced", () => {
  assert.deepEqual(
    nodeReadiness({ health: { kind: "healthy" }, podsSynced: true }),
    { kind: "ready" },
  );
});

Deno.test("nodeConditions() says Ready, no pressure and a network, in whole seconds", () => {
  const conditions = nodeConditions({ kind: "ready" }, [], t0);
  assert.deepEqual(
    conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`)
      .sort(),
    [
      "DiskPressure=False KubeletHasNoDiskPressure",
      "MemoryPressure=False KubeletHasSufficientMemory",
      "NetworkUnavailable=False FarletNetwork",
      "PIDPressure=False KubeletHasSufficientPID",
      "Ready=True KubeletReady",
    ],
  );
  for (const { lastHeartbeatTime, lastTransitionTime } of conditions) {
    assert.equal(lastHeartbeatTime, "2026-01-02T03:04:05Z");
    assert.equal(lastTransitionTime, "2026-01-02T03:04:05Z");
  }
});

Deno.test("nodeConditions() says of a pressure what its source says, once", () => {
  const condition = {
    type: "DiskPressure",
    status: "True",
    reason: "KubeletHasDiskPressure",
    message: "full",
  };
  const others = [{ condition, async *changes() {} }];
  const conditions = nodeConditions({ kind: "ready" }, [], t0, { others });
  const found = conditions.filter(({ type }) => type === "DiskPressure");
  assert.deepEqual(found.map(({ status }) => status), ["True"]);
  assert.equal(conditions.length, 5);
});

Deno.test("nodeConditions() keeps the transition time only of an unchanged status", () => {
  const before = nodeConditions({ kind: "ready" }, [], t0);
  const after = nodeConditions(
    { kind: "notReady", reason: "NodeShutdown", message: "bye" },
    before,
    t1,
  );
  for (const { type, lastHeartbeatTime, lastTransitionTime } of after) {
    assert.equal(lastHeartbeatTime, "2026-01-02T03:05:05Z");
    assert.equal(
      lastTransitionTime,
      type === "Ready" ? "2026-01-02T03:05:05Z" : "2026-01-02T03:04:05Z",
    );
  }
});

Deno.test("nodeConditions() says what other parts of the agent say, with the times of the rest", () => {
  const condition = {
    ...{ type: "ServingCertificateTrusted", status: "False" },
    ...{ reason: "CSRPending", message: "approve it" },
  };
  const changes = () => ReadableStream.from([]);
  const others = [{ condition, changes }];
  const before = nodeConditions({ kind: "ready" }, [], t0, { others });
  const after = nodeConditions({ kind: "ready" }, before, t1, { others });
  assert.deepEqual(after.find(({ type }) => type === condition.type), {
    ...condition,
    lastHeartbeatTime: "2026-01-02T03:05:05Z",
    lastTransitionTime: "2026-01-02T03:04:05Z",
  });
});

Deno.test("nodeConditions() leaves out the conditions of others", () => {
  const foreign = { type: "KernelDeadlock", status: "True" };
  const conditions = nodeConditions({ kind: "ready" }, [foreign], t0);
  assert.ok(!conditions.some(({ type }) => type === "KernelDeadlock"));
});

Deno.test("isSameCondition() ignores times and sees a changed message", () => {
  const a = { type: "Ready", status: "True", reason: "R", message: "m" };
  assert.ok(isSameCondition(a, { ...a, lastHeartbeatTime: "x" }));
  assert.ok(!isSameCondition(a, { ...a, message: "n" }));
});

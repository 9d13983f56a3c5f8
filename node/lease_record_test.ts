// deno-lint-ignore-file no-non-null-assertion
import assert from "node:assert/strict";
import type { Lease } from "../k8s/types.ts";
import {
  leaseHolder,
  nextRenewal,
  releasedLease,
  renewedLease,
} from "./lease_record.ts";

const start = new Date("2026-01-02T03:04:05.678Z");
const agent = { id: "id-1", run: "run-1", description: "build-7, pid 1" };
const renewal = { nodeName: "n", nodeUid: "uid-1", agent, now: start };

function after(ms: number): Date {
  return new Date(start.getTime() + ms);
}

Deno.test("nextRenewal() is ten seconds, and after failures 200 ms doubling to 7 s", () => {
  const waits = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => nextRenewal(n, () => 0));
  assert.deepEqual(
    waits,
    [10_000, 200, 400, 800, 1600, 3200, 6400, 7000, 7000],
  );
});

Deno.test("nextRenewal() spreads retries by up to a quarter", () => {
  assert.equal(nextRenewal(7, () => 0.5), 7875);
});

Deno.test("renewedLease() is what the node controller expects", () => {
  const { metadata, spec } = renewedLease(undefined, renewal);
  assert.equal(metadata?.name, "n");
  assert.equal(metadata?.namespace, "kube-node-lease");
  assert.deepEqual(metadata?.ownerReferences, [
    { apiVersion: "v1", kind: "Node", name: "n", uid: "uid-1" },
  ]);
  assert.deepEqual(spec, {
    holderIdentity: "n",
    leaseDurationSeconds: 40,
    renewTime: "2026-01-02T03:04:05.678000Z",
  });
});

Deno.test("renewedLease() keeps what others wrote and follows a new Node", () => {
  const lease = renewedLease(undefined, renewal);
  lease.metadata!.annotations!["theirs"] = "x";
  lease.metadata!.labels = { a: "b" };
  const next = renewedLease(lease, { ...renewal, nodeUid: "uid-2" });
  assert.equal(next.metadata?.annotations?.["theirs"], "x");
  assert.deepEqual(next.metadata?.labels, { a: "b" });
  assert.equal(next.metadata?.ownerReferences?.[0]?.uid, "uid-2");
});

Deno.test("leaseHolder() is the agent until 40 s after its renewal", () => {
  const lease = renewedLease(undefined, renewal);
  assert.deepEqual(leaseHolder(lease, after(40_000)), {
    kind: "agent",
    agent,
    renewedAt: start,
  });
  assert.deepEqual(leaseHolder(lease, after(40_001)), { kind: "nobody" });
});

Deno.test("leaseHolder() is the agent whose clock is ahead", () => {
  const lease = renewedLease(undefined, renewal);
  assert.equal(leaseHolder(lease, after(-3_600_000)).kind, "agent");
});

Deno.test("leaseHolder() is a stranger when there is no signature", () => {
  const { spec } = renewedLease(undefined, renewal);
  const lease: Lease = { metadata: { name: "n" }, spec: spec! };
  assert.deepEqual(leaseHolder(lease, start), {
    kind: "stranger",
    renewedAt: start,
  });
});

Deno.test("leaseHolder() is a stranger when a kubelet renews what an agent has signed", () => {
  const lease = renewedLease(undefined, renewal);
  lease.spec!.renewTime = "2026-01-02T03:04:15.000000Z";
  assert.equal(leaseHolder(lease, after(10_000)).kind, "stranger");
});

for (const text of ["", "{", "null", "[]", '{"id":1}']) {
  Deno.test(`leaseHolder() is a stranger when the signature is '${text}'`, () => {
    const lease = renewedLease(undefined, renewal);
    lease.metadata!.annotations!["farlet.dev/agent"] = text;
    assert.equal(leaseHolder(lease, start).kind, "stranger");
  });
}

Deno.test("releasedLease() makes it nobody's and turns no time back", () => {
  const lease = renewedLease(undefined, renewal);
  const released = releasedLease(lease, agent);
  assert.deepEqual(leaseHolder(released, start), { kind: "nobody" });
  assert.deepEqual(released.spec, lease.spec);
});

Deno.test("leaseHolder() is the kubelet that renews a released lease", () => {
  const lease = releasedLease(renewedLease(undefined, renewal), agent);
  lease.spec!.renewTime = "2026-01-02T03:04:15.000000Z";
  assert.equal(leaseHolder(lease, after(10_000)).kind, "stranger");
});

Deno.test("leaseHolder() is nobody when it was never renewed", () => {
  assert.deepEqual(leaseHolder({}, start), { kind: "nobody" });
});

import assert from "node:assert/strict";
import { delay } from "../async/delay.ts";
import { NodeHeldError } from "../node/lease.ts";
import { eventually } from "./agent_process.ts";
import { controlPlaneMissing, startControlPlane } from "./controlplane.ts";
import {
  apply,
  condition,
  getLease,
  getNode,
  microTime,
  nodeClient,
  patchStatus,
  ready,
  renewedAt,
  type Stage,
  start,
  taintText,
  TestProvider,
  untainted,
} from "./node_stage.ts";
import { needing } from "./needing.ts";

type Steps = Readonly<Record<string, (stage: Stage) => Promise<void>>>;

const steps: Steps = {
  async "a node is Ready within 3 s, complete, and its lease is owned by it"(
    stage,
  ) {
    const startedAt = performance.now();
    await using _node = await start(stage, { name: "complete" });
    const node = await ready(stage, "complete");
    assert.ok(performance.now() - startedAt < 3_000);
    const labels = Object.entries(node.metadata?.labels ?? {})
      .filter(([key]) => !key.startsWith("beta.kubernetes.io/"));
    assert.deepEqual(Object.fromEntries(labels), {
      "kubernetes.io/os": "linux",
      "kubernetes.io/arch": "arm64",
      "kubernetes.io/hostname": "complete",
      "node.kubernetes.io/instance-type": "test",
      type: "virtual-kubelet",
    });
    const resources = {
      cpu: "1500m",
      memory: "3Gi",
      "ephemeral-storage": "7Gi",
      pods: "1k",
    };
    assert.deepEqual(node.status?.capacity, resources);
    assert.deepEqual(node.status?.allocatable, resources);
    assert.deepEqual(node.status?.addresses, [
      { type: "InternalIP", address: "127.0.0.1" },
      { type: "InternalIP", address: "::1" },
    ]);
    assert.equal(node.status?.daemonEndpoints?.kubeletEndpoint?.Port, 10250);
    await eventually(async () => {
      const { spec } = await getNode(stage, "complete");
      assert.deepEqual(spec?.taints?.map(taintText), [
        "virtual-kubelet.io/provider=test:NoSchedule",
      ]);
    });
    await eventually(async () => {
      const lease = await getLease(stage, "complete");
      const [owner] = lease.metadata?.ownerReferences ?? [];
      assert.equal(owner?.uid, node.metadata?.uid);
      assert.equal(lease.spec?.holderIdentity, "complete");
      assert.equal(lease.spec?.leaseDurationSeconds, 40);
    });
  },

  async "a restart applies changed taints and labels and keeps an operator's, and the cordon"(
    stage,
  ) {
    const name = "restarted";
    const first = await start(stage, {
      name,
      labels: { zone: "a", gone: "x" },
    });
    await ready(stage, name);
    for (
      const command of [
        ["taint", "node", name, "maintenance=yes:NoSchedule"],
        ["label", "node", name, "owner=ops"],
        ["annotate", "node", name, "note=hands off"],
        ["cordon", name],
      ]
    ) await stage.cluster.kubectl(command);
    await first[Symbol.asyncDispose]();
    await using _second = await start(stage, {
      name,
      addresses: ["127.0.0.2", "::2"],
      labels: { zone: "b" },
      taints: [{ key: "edge", value: "yes", effect: "NoExecute" }],
    });
    await ready(stage, name);
    await untainted(stage, name);
    const { metadata, spec, status } = await getNode(stage, name);
    assert.deepEqual(status?.addresses, [
      { type: "InternalIP", address: "127.0.0.2" },
      { type: "InternalIP", address: "::2" },
    ]);
    assert.deepEqual(spec?.taints?.map(taintText).toSorted(), [
      "edge=yes:NoExecute",
      "maintenance=yes:NoSchedule",
      "node.kubernetes.io/unschedulable=:NoSchedule",
    ]);
    const { zone, gone, owner } = metadata?.labels ?? {};
    assert.deepEqual({ zone, gone, owner }, {
      zone: "b",
      gone: undefined,
      owner: "ops",
    });
    assert.equal(metadata?.annotations?.["note"], "hands off");
    assert.equal(spec?.unschedulable, true);
  },

  async "a deleted node is back within seconds, and the lease follows"(stage) {
    await using node = await start(stage, { name: "deleted" });
    const { metadata } = await ready(stage, "deleted");
    await stage.cluster.kubectl(["delete", "node", "deleted"]);
    const deletedAt = performance.now();
    const again = await ready(stage, "deleted");
    assert.notEqual(again.metadata?.uid, metadata?.uid);
    assert.ok(performance.now() - deletedAt < 3_000);
    await eventually(async () => {
      const lease = await getLease(stage, "deleted");
      const [owner] = lease.metadata?.ownerReferences ?? [];
      assert.equal(owner?.uid, again.metadata?.uid);
      assert.equal(node.node()?.metadata?.uid, again.metadata?.uid);
    });
  },

  async "Ready=Unknown by someone else is put right at once"(stage) {
    await using _node = await start(stage, { name: "doubted" });
    await ready(stage, "doubted");
    const doubtedAt = performance.now();
    await patchStatus(stage, "doubted", {
      conditions: [{ type: "Ready", status: "Unknown", reason: "Doubt" }],
    });
    await ready(stage, "doubted");
    assert.ok(performance.now() - doubtedAt < 3_000);
  },

  async "a second agent is refused, and says by whom"(stage) {
    await using node = await start(stage, { name: "taken" });
    await ready(stage, "taken");
    await assert.rejects(
      start(stage, { name: "taken" }, { agentId: "other" }),
      (error) =>
        error instanceof NodeHeldError &&
        error.message.includes(`pid ${Deno.pid}`) &&
        error.message.includes("choose another node name"),
    );
    assert.ok(node.node());
    assert.equal(
      condition(await getNode(stage, "taken"), "Ready"),
      "True KubeletReady",
    );
  },

  async "of two agents that start at once one gets the node"(stage) {
    const starts = ["one", "two", "three"].map((agentId) =>
      start(stage, { name: "raced" }, { agentId })
    );
    const results = await Promise.allSettled(starts);
    const won = results.filter(({ status }) => status === "fulfilled");
    for (const result of results) {
      if (result.status === "fulfilled") {
        await result.value[Symbol.asyncDispose]();
      } else assert.ok(result.reason instanceof NodeHeldError);
    }
    assert.equal(won.length, 1);
  },

  async "a kubelet's lease is respected, and a stale one is not"(stage) {
    const spec = { holderIdentity: "real", leaseDurationSeconds: 40 };
    const lease = (renewTime: Date) => ({
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "real", namespace: "kube-node-lease" },
      spec: { ...spec, renewTime: microTime(renewTime) },
    });
    await apply(stage, lease(new Date()));
    await assert.rejects(
      start(stage, { name: "real" }),
      (error) =>
        error instanceof NodeHeldError && /a kubelet/.test(error.message),
    );
    await apply(stage, lease(new Date(Date.now() - 41_000)));
    await using _node = await start(stage, { name: "real" });
    await ready(stage, "real");
  },

  async "a stopped node is not ready, and free for another agent"(stage) {
    const node = await start(stage, { name: "stopped" });
    await ready(stage, "stopped");
    await node[Symbol.asyncDispose]();
    assert.equal(
      condition(await getNode(stage, "stopped"), "Ready"),
      "False NodeShutdown",
    );
    await using _other = await start(
      stage,
      { name: "stopped" },
      { agentId: "other" },
    );
    await ready(stage, "stopped");
  },

  async "markNotReady() is published at once and stays"(stage) {
    await using node = await start(stage, { name: "draining" });
    await ready(stage, "draining");
    node.markNotReady("NodeShutdown", "stopping the pods first");
    await eventually(async () => {
      const node = await getNode(stage, "draining");
      assert.equal(condition(node, "Ready"), "False NodeShutdown");
    });
  },

  async "a node is not ready before its pods are known"(stage) {
    const pods = Promise.withResolvers<void>();
    await using _node = await start(
      stage,
      { name: "early" },
      { ready: pods.promise },
    );
    assert.equal(
      condition(await getNode(stage, "early"), "Ready"),
      "False KubeletNotReady",
    );
    pods.resolve();
    await ready(stage, "early");
  },

  async "a kubelet's own credentials suffice, but for changing taints"(stage) {
    const name = "restricted";
    using client = await nodeClient(stage.cluster, name);
    const own = { cluster: stage.cluster, client };
    const first = await start(own, { name });
    const { metadata } = await ready(stage, name);
    await stage.cluster.kubectl(["delete", "node", name]);
    const again = await ready(stage, name);
    assert.notEqual(again.metadata?.uid, metadata?.uid);
    await first[Symbol.asyncDispose]();
    await using _second = await start(own, { name, taints: [] });
    const { spec } = await ready(stage, name);
    assert.ok(
      spec?.taints?.map(taintText).includes(
        "virtual-kubelet.io/provider=test:NoSchedule",
      ),
    );
    await assert.rejects(start(own, { name: "foreign" }, { limit: 2_000 }));
  },
};

/** These wait for something that comes every 10 s: they run side by side. */
const slowSteps: Steps = {
  async "the lease is renewed while an unchanged status is left alone"(stage) {
    await using _node = await start(stage, { name: "quiet" });
    await ready(stage, "quiet");
    await untainted(stage, "quiet");
    const before = await getNode(stage, "quiet");
    const first = renewedAt(await getLease(stage, "quiet"));
    const lease = await eventually(async () => {
      const lease = await getLease(stage, "quiet");
      assert.ok(renewedAt(lease) > first);
      return lease;
    });
    const elapsed = renewedAt(lease) - first;
    assert.ok(elapsed > 9_000 && elapsed < 12_000, `${elapsed} ms`);
    const after = await getNode(stage, "quiet");
    // With its heartbeat times; controllers may write elsewhere in the Node meanwhile.
    assert.deepEqual(after.status, before.status);
  },

  async "conditions and resources of others survive, and a changed provider is published"(
    stage,
  ) {
    const name = "shared";
    const provider = new TestProvider();
    await using _node = await start(stage, { name }, { provider });
    await ready(stage, name);
    await patchStatus(stage, name, {
      conditions: [{ type: "KernelDeadlock", status: "True", reason: "Stuck" }],
      capacity: { "example.com/gpu": "2" },
    });
    const message = "no route to host";
    provider.health = { kind: "unhealthy", reason: "HostUnreachable", message };
    provider.facts = { ...provider.facts, cpuMillis: 3000 };
    const node = await eventually(async () => {
      const node = await getNode(stage, name);
      assert.equal(condition(node, "Ready"), "False HostUnreachable");
      return node;
    });
    assert.equal(node.status?.capacity?.["cpu"], "3");
    assert.equal(node.status?.capacity?.["example.com/gpu"], "2");
    assert.equal(condition(node, "KernelDeadlock"), "True Stuck");
  },

  async "a provider that hangs does not stop the lease"(stage) {
    const provider = new TestProvider();
    await using _node = await start(stage, { name: "hung" }, { provider });
    await ready(stage, "hung");
    provider.hangs = true;
    const before = renewedAt(await getLease(stage, "hung"));
    await eventually(async () => {
      const lease = await getLease(stage, "hung");
      assert.ok(renewedAt(lease) - before > 15_000);
    });
    assert.ok(provider.hungCalls > 0);
  },

  async "an agent whose node is taken over ends, and leaves the node's status alone"(
    stage,
  ) {
    await using old = await start(stage, { name: "moved" });
    await ready(stage, "moved");
    // The same agent, restarted: its earlier run is taken for dead.
    await using _new = await start(stage, { name: "moved" });
    await assert.rejects(old.join(), NodeHeldError);
    assert.equal(
      condition(await getNode(stage, "moved"), "Ready"),
      "True KubeletReady",
    );
  },
};

/** These stop the API server. */
const outages: Steps = {
  async "the lease resumes when the API server is back"(stage) {
    await using node = await start(stage, { name: "patient" });
    await ready(stage, "patient");
    const { uid } = node.node()?.metadata ?? {};
    await stage.cluster.stopApiServer();
    // Longer than between renewals: at least one has failed.
    await delay(12_000, { signal: new AbortController().signal });
    await stage.cluster.startApiServer();
    const backAt = Date.now();
    await eventually(async () => {
      const lease = await getLease(stage, "patient");
      assert.ok(renewedAt(lease) >= backAt - 1_000);
    }, { limit: 12_000 });
    const again = await ready(stage, "patient");
    assert.equal(again.metadata?.uid, uid);
  },

  async "a node that starts before the API server waits for it"(stage) {
    await stage.cluster.stopApiServer();
    const starting = start(stage, { name: "eager" });
    await stage.cluster.startApiServer();
    await using _node = await starting;
    await ready(stage, "eager");
  },
};

const missing = controlPlaneMissing({ controllers: true });

Deno.test({
  ...needing(missing, "a node of a real cluster"),
  async fn(test) {
    await using cluster = await startControlPlane({ controllers: true });
    using client = await cluster.client();
    const stage = { cluster, client };
    for (const [claim, run] of Object.entries(steps)) {
      await test.step(claim, () => run(stage));
    }
    await Promise.all(
      Object.entries(slowSteps).map(([name, run]) =>
        // Side by side, a step cannot tell its own leaks from another's; the test as a whole can.
        test.step({
          name,
          fn: () => run(stage),
          sanitizeOps: false,
          sanitizeResources: false,
          sanitizeExit: false,
        })
      ),
    );
    for (const [claim, run] of Object.entries(outages)) {
      await test.step(claim, () => run(stage));
    }
  },
});

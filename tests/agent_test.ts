import assert from "node:assert/strict";
import type { Node, Pod } from "../k8s/types.ts";
import {
  AgentProcess,
  type AgentProcessOptions,
  eventually,
  guestModuleImage,
} from "./agent_process.ts";
import { apply, condition, get, isKept, phase } from "./cluster_pods.ts";
import {
  type ControlPlane,
  controlPlaneMissing,
  startControlPlane,
} from "./controlplane.ts";
import { withstandHostileGuests } from "./hostile_guest_steps.ts";
import { needing } from "./needing.ts";
import { wasmImageSteps } from "./wasm_image_steps.ts";

const nodeName = "edge-1";

/** One cluster with one agent, which the steps use one after the other. */
interface Stage {
  readonly cluster: ControlPlane;
  readonly options: AgentProcessOptions;
  agent: AgentProcess;
}

const steps: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  async "the node is Ready, with its labels, taint and capacity"({ cluster }) {
    const node = await eventually(async () => {
      const node = await get<Node>(cluster, `node/${nodeName}`);
      assert.equal(condition(node, "Ready"), "True KubeletReady");
      return node;
    });
    assert.equal(node.metadata?.labels?.["type"], "virtual-kubelet");
    // As kube-proxy and others that tolerate every taint look for Linux.
    assert.equal(node.metadata?.labels?.["kubernetes.io/os"], "wasi");
    assert.equal(node.metadata?.labels?.["kubernetes.io/arch"], "wasm");
    assert.equal(node.metadata?.labels?.["farlet.dev/wasm"], "true");
    const taint = node.spec?.taints?.find(({ effect, key }) =>
      effect === "NoSchedule" && key === "virtual-kubelet.io/provider"
    );
    assert.equal(taint?.value, "wasm");
    assert.ok(Number(node.status?.capacity?.["pods"]) > 0);
    const lease = ["get", "lease", nodeName, "-n", "kube-node-lease", "-o"];
    const duration = await cluster.kubectl([
      ...lease,
      "jsonpath={.spec.leaseDurationSeconds}",
    ]);
    assert.equal(duration, "40");
  },

  async "a pod runs to success, with logs and the kubelet's events"(
    { cluster },
  ) {
    await apply(cluster, "hello", {
      args: ["echo", "hello", "env", "WHERE", "env", "KUBERNETES_SERVICE_HOST"],
      env: [{
        name: "WHERE",
        valueFrom: { fieldRef: { fieldPath: "status.hostIP" } },
      }],
    });
    const pod = await phase(cluster, "hello", "Succeeded");
    assert.match(pod.status?.podIP ?? "", /^(198\.1[89]|127\.\d+)\.\d+\.\d+$/);
    const log = await cluster.kubectl(["logs", "hello"]);
    assert.match(log, /^hello\n127\.0\.0\.1\n\d+\.\d+\.\d+\.\d+\n$/);
    await eventually(async () => {
      const events = await cluster.kubectl(["describe", "pod", "hello"]);
      for (const reason of ["Pulled", "Created", "Started"]) {
        assert.match(events, new RegExp(`Normal +${reason} `));
      }
    });
  },

  async "a pod sees its service account's token and its own labels"(
    { cluster },
  ) {
    const token = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    await apply(cluster, "token", {
      args: ["cat", token, "echo", "", "cat", "/info/name"],
      volumeMounts: [{ name: "info", mountPath: "/info" }],
    }, {
      volumes: [{
        name: "info",
        downwardAPI: {
          items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }],
        },
      }],
    });
    await phase(cluster, "token", "Succeeded");
    const log = await cluster.kubectl(["logs", "token"]);
    assert.match(log, /^ey[\w-]+\.[\w-]+\.[\w-]+\ntoken$/);
  },

  ...wasmImageSteps,

  async "a crashing container is restarted, then backed off"({ cluster }) {
    await apply(cluster, "crash", { args: ["err", "oh no", "exit", "3"] }, {
      restartPolicy: "Always",
    });
    const pod = await eventually(async () => {
      const pod = await get<Pod>(cluster, "pod/crash");
      const [app] = pod.status?.containerStatuses ?? [];
      assert.equal(app?.state?.waiting?.reason, "CrashLoopBackOff");
      assert.equal(app.lastState?.terminated?.exitCode, 3);
      assert.ok(app.restartCount >= 1);
      return pod;
    });
    assert.equal(pod.status?.phase, "Running");
    assert.equal(
      await cluster.kubectl(["logs", "crash", "--previous"]),
      "oh no\n",
    );
    await cluster.kubectl(["delete", "pod", "crash"]);
  },

  async "an update of a ConfigMap reaches a running pod"({ cluster }) {
    const create = ["create", "configmap", "motd"];
    await cluster.kubectl([...create, "--from-literal=motd=before"]);
    const looks = Array.from({ length: 300 }, () => [
      ...["cat", "/etc/motd/motd", "echo", "", "sleep", "100"],
    ]);
    await apply(cluster, "reader", {
      args: looks.flat(),
      volumeMounts: [{ name: "motd", mountPath: "/etc/motd" }],
    }, { volumes: [{ name: "motd", configMap: { name: "motd" } }] });
    await eventually(async () => {
      assert.match(await cluster.kubectl(["logs", "reader"]), /before/);
    });
    const patch = JSON.stringify({ data: { motd: "after" } });
    await cluster.kubectl(["patch", "configmap", "motd", "-p", patch]);
    await eventually(async () => {
      assert.match(await cluster.kubectl(["logs", "reader"]), /after/);
    }, { limit: 5_000 });
    await cluster.kubectl(["delete", "pod", "reader", "--grace-period=1"]);
  },

  async "a pod that wants a ConfigMap which comes later starts then"(
    { cluster },
  ) {
    await apply(cluster, "patient", {
      args: ["env", "WORD"],
      env: [{
        name: "WORD",
        valueFrom: { configMapKeyRef: { name: "late", key: "word" } },
      }],
    });
    await eventually(async () => {
      const pod = await get<Pod>(cluster, "pod/patient");
      const waiting = pod.status?.containerStatuses?.[0]?.state?.waiting;
      assert.equal(waiting?.reason, "CreateContainerConfigError");
      assert.match(waiting.message ?? "", /configmap "late" not found/);
    });
    const create = ["create", "configmap", "late"];
    await cluster.kubectl([...create, "--from-literal=word=now"]);
    await phase(cluster, "patient", "Succeeded");
    assert.equal(await cluster.kubectl(["logs", "patient"]), "now\n");
  },

  async "a deleted pod is gone as soon as its container has stopped"(
    { cluster },
  ) {
    await apply(cluster, "spinner", { args: ["spin"] }, {
      terminationGracePeriodSeconds: 30,
    });
    await phase(cluster, "spinner", "Running");
    const begun = performance.now();
    await cluster.kubectl(["delete", "pod", "spinner"]);
    const took = performance.now() - begun;
    assert.ok(took < 3_000, `deletion took ${took} ms`);
  },

  async "a pod that was deleted by force and made anew is another pod"(
    { cluster, options },
  ) {
    await apply(cluster, "twin", { args: ["spin"] });
    const first = await phase(cluster, "twin", "Running");
    const force = ["--force", "--grace-period=0"];
    await cluster.kubectl(["delete", "pod", "twin", ...force]);
    await apply(cluster, "twin", { args: ["echo", "second", "spin"] });
    const second = await phase(cluster, "twin", "Running");
    assert.notEqual(second.metadata?.uid, first.metadata?.uid);
    await eventually(async () => {
      assert.equal(await cluster.kubectl(["logs", "twin"]), "second\n");
      assert.deepEqual(await isKept(options, first), false);
    });
    assert.ok(await isKept(options, second));
    await cluster.kubectl(["delete", "pod", "twin"]);
  },

  async "what cannot be honoured is refused with the field's name"(
    { cluster },
  ) {
    await apply(cluster, "nosy", { args: ["spin"] }, { hostPID: true });
    await eventually(async () => {
      const text = await cluster.kubectl(["describe", "pod", "nosy"]);
      assert.match(text, /Warning +UnsupportedField .*spec\.hostPID/);
    });
    await cluster.kubectl(["delete", "pod", "nosy"]);
  },

  async "a module that wants what WASI lacks says so in its status"(
    { cluster },
  ) {
    const image = guestModuleImage("unknown_imports");
    await apply(cluster, "alien", { image });
    await eventually(async () => {
      const pod = await get<Pod>(cluster, "pod/alien");
      const { waiting } = pod.status?.containerStatuses?.[0]?.state ?? {};
      assert.equal(waiting?.reason, "CreateContainerError");
      assert.match(waiting.message ?? "", /imports .* does not have/);
    });
    await cluster.kubectl(["delete", "pod", "alien"]);
  },

  async "a container over its memory limit is OOMKilled"({ cluster }) {
    await apply(cluster, "hoarder", {
      args: ["grow", "100"],
      resources: { limits: { memory: "32Mi" } },
    });
    const pod = await phase(cluster, "hoarder", "Failed");
    const ended = pod.status?.containerStatuses?.[0]?.state?.terminated;
    assert.equal(ended?.reason, "OOMKilled");
    assert.equal(ended.exitCode, 137);
  },

  async "hostile guests disturb neither the agent nor people"({ cluster }) {
    await withstandHostileGuests(cluster, nodeName);
  },

  async "a second agent for the node is refused"({ options }) {
    const stateDir = await Deno.makeTempDir();
    await using second = AgentProcess.start({ ...options, stateDir });
    assert.equal(await second.ended(), 1);
    assert.match(second.stderr, /edge-1/);
    await second[Symbol.asyncDispose]();
    await Deno.remove(stateDir, { recursive: true });
  },

  async "a killed agent's successor runs no finished pod again"(stage) {
    const { cluster } = stage;
    await apply(cluster, "worker", { args: ["echo", "up", "spin"] }, {
      restartPolicy: "Always",
    });
    await phase(cluster, "worker", "Running");
    const before = await get<Pod>(cluster, "pod/hello");
    await stage.agent.end("SIGKILL");
    stage.agent = AgentProcess.start(stage.options);
    await eventually(async () => {
      const worker = await get<Pod>(cluster, "pod/worker");
      const [app] = worker.status?.containerStatuses ?? [];
      assert.equal(app?.restartCount, 1);
      assert.ok(app.state?.running);
      assert.equal(
        app.lastState?.terminated?.reason,
        "ContainerStatusUnknown",
      );
    });
    const after = await get<Pod>(cluster, "pod/hello");
    assert.deepEqual(after.status, before.status);
    assert.match(await cluster.kubectl(["logs", "hello"]), /^hello\n/);
  },

  async "pods live on while the API server is away for 30 s"({ cluster }) {
    await apply(cluster, "brief", {
      args: ["echo", "a", "sleep", "10000", "echo", "b"],
    });
    await phase(cluster, "brief", "Running");
    const before = await get<Pod>(cluster, "pod/worker");
    await cluster.stopApiServer();
    await new Promise((resolve) => setTimeout(resolve, 30_000));
    await cluster.startApiServer();
    await phase(cluster, "brief", "Succeeded");
    assert.equal(await cluster.kubectl(["logs", "brief"]), "a\nb\n");
    const after = await get<Pod>(cluster, "pod/worker");
    const id = ({ status }: Pod) => status?.containerStatuses?.[0]?.containerID;
    assert.equal(id(after), id(before));
    await eventually(async () => {
      const node = await get<Node>(cluster, `node/${nodeName}`);
      assert.equal(condition(node, "Ready"), "True KubeletReady");
    }, { limit: 60_000 });
  },

  async "a pod that was deleted while no agent ran is ended later"(stage) {
    const { cluster } = stage;
    await stage.agent.end("SIGKILL");
    await cluster.kubectl(["delete", "pod", "worker", "--wait=false"]);
    stage.agent = AgentProcess.start(stage.options);
    await eventually(async () => {
      const pods = await cluster.kubectl(["get", "pods", "-o", "name"]);
      assert.doesNotMatch(pods, /pod\/worker/);
    });
  },

  async "a pod that nobody knows any more is removed after a grace time"(
    stage,
  ) {
    const { cluster, options } = stage;
    // Bound here: the scheduler may still be backing off from the API server's absence.
    await apply(cluster, "lost", { args: ["spin"] }, { nodeName });
    const lost = await phase(cluster, "lost", "Running");
    await stage.agent.end("SIGKILL");
    const force = ["--force", "--grace-period=0"];
    await cluster.kubectl(["delete", "pod", "lost", ...force]);
    stage.agent = AgentProcess.start(stage.options);
    await eventually(() => {
      assert.match(stage.agent.stderr, /Registered node/);
      return Promise.resolve();
    });
    assert.ok(await isKept(options, lost));
    await eventually(async () => {
      assert.equal(await isKept(options, lost), false);
    }, { limit: 60_000 });
  },

  async "a stopped agent says that its node is not ready"(stage) {
    const { cluster } = stage;
    assert.equal(await stage.agent.end("SIGTERM"), 0);
    const node = await get<Node>(cluster, `node/${nodeName}`);
    assert.match(condition(node, "Ready") ?? "", /^False \w+$/);
  },

  async "an agent waits for an API server that is not there yet"(stage) {
    const { cluster } = stage;
    await cluster.stopApiServer();
    stage.agent = AgentProcess.start(stage.options);
    await eventually(() => {
      assert.match(stage.agent.stderr, /Cannot reach the API server|refused/);
      return Promise.resolve();
    });
    await cluster.startApiServer();
    await eventually(async () => {
      const node = await get<Node>(cluster, `node/${nodeName}`);
      assert.equal(condition(node, "Ready"), "True KubeletReady");
    }, { limit: 60_000 });
  },
};

const missing = controlPlaneMissing();

Deno.test({
  ...needing(missing, "farlet serve"),
  fn: async (test) => {
    await using cluster = await startControlPlane({ controllers: true });
    const stateDir = await Deno.makeTempDir();
    const options = { kubeconfig: cluster.kubeconfig, nodeName, stateDir };
    const stage: Stage = {
      cluster,
      options,
      agent: AgentProcess.start(options),
    };
    try {
      await eventually(async () => {
        await cluster.kubectl(["get", "serviceaccount", "default"]);
      });
      for (const [claim, run] of Object.entries(steps)) {
        // A step builds on those before it.
        if (await test.step(claim, () => run(stage))) continue;
        throw new Error(`The agent's log ends with:\n${stage.agent.stderr}`);
      }
    } finally {
      await stage.agent[Symbol.asyncDispose]();
      await Deno.remove(stateDir, { recursive: true });
    }
  },
});

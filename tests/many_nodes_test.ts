import assert from "node:assert/strict";
import { join } from "node:path";
import type { Node, Pod } from "../k8s/types.ts";
import { AgentProcess, eventually } from "./agent_process.ts";
import { condition, get, phase } from "./cluster_pods.ts";
import {
  type ControlPlane,
  controlPlaneMissing,
  startControlPlane,
} from "./controlplane.ts";
import { runFarlet } from "./farlet.ts";
import { needing } from "./needing.ts";

const names = ["many-1", "many-2", "many-3"];

interface Stage {
  readonly cluster: ControlPlane;
  readonly agent: AgentProcess;
  readonly stateDir: string;
}

const steps: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  async "one agent is several nodes, each with a port of its own"(
    { cluster },
  ) {
    const ports = new Set<number>();
    for (const name of names) {
      const node = await eventually(() => readyNode(cluster, name));
      ports.add(node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 0);
    }
    assert.equal(ports.size, names.length);
  },

  async "each node runs its own pods, and local tools see them all"(
    { cluster, stateDir },
  ) {
    for (const name of names) {
      const pod = {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: `on-${name}` },
        spec: {
          nodeName: name,
          containers: [{ name: "app", image: "program:1" }],
        },
      };
      await cluster.kubectl(["apply", "-f", "-"], {
        stdin: JSON.stringify(pod),
      });
    }
    for (const name of names) await phase(cluster, `on-${name}`, "Running");
    const { stdout } = await runFarlet(["get", "pods", "-A", "-o", "wide"], {
      env: { FARLET_STATE_DIR: stateDir },
    });
    for (const name of names) assert.match(stdout, new RegExp(`on-${name} `));
    const nodes = await runFarlet(["get", "nodes"], {
      env: { FARLET_STATE_DIR: stateDir },
    });
    for (const name of names) assert.match(nodes.stdout, new RegExp(name));
  },

  async "a pod without a controller keeps a node from leaving unless forced"(
    { cluster },
  ) {
    const { code, stderr } = await leave(cluster, "many-2");
    assert.equal(code, 1);
    assert.match(stderr, /default\/on-many-2 has no controller .*--force/);
    const node = await get<Node>(cluster, "node/many-2");
    assert.equal(node.spec?.unschedulable, undefined);
  },

  async "a node leaves with its pods, and the others stay"({ cluster, agent }) {
    const { code, stdout, stderr } = await leave(cluster, "many-2", "--force");
    assert.equal(code, 0, stdout + stderr);
    const nodes = await cluster.kubectl(["get", "nodes", "-o", "name"]);
    assert.deepEqual(nodes.trim().split("\n"), [
      "node/many-1",
      "node/many-3",
    ]);
    const leases = await cluster.kubectl([
      ...["get", "leases", "-n", "kube-node-lease", "-o", "name"],
    ]);
    assert.doesNotMatch(leases, /many-2/);
    await readyNode(cluster, "many-1");
    const pods = JSON.parse(
      await cluster.kubectl(["get", "pods", "-o", "json"]),
    ) as { readonly items: readonly Pod[] };
    assert.deepEqual(
      pods.items.map(({ metadata }) => metadata?.name),
      ["on-many-1", "on-many-3"],
    );
    assert.match(agent.stderr, /Leaving the cluster.*node=many-2/);
  },

  async "a node that nobody runs cannot leave"({ cluster, agent }) {
    assert.equal(await agent.end("SIGTERM"), 0);
    const { code, stderr } = await leave(cluster, "many-1", "--force");
    assert.equal(code, 1);
    assert.match(stderr, /no agent runs it now/);
  },
};

const missing = controlPlaneMissing();

Deno.test({
  ...needing(missing, "an agent with several nodes"),
  async fn(t) {
    await using cluster = await startControlPlane();
    const dir = await Deno.makeTempDir();
    const stateDir = join(dir, "state");
    const document = {
      apiVersion: "farlet.dev/v1alpha1",
      kind: "AgentConfiguration",
      kubeconfig: cluster.kubeconfig,
      stateDir,
      kubelet: { port: 0 },
      nodes: names.map((name) => ({
        name,
        provider: "memory",
        ip: "127.0.0.1",
        taints: [],
      })),
    };
    const file = join(dir, "agent.yaml");
    await Deno.writeTextFile(file, JSON.stringify(document));
    {
      await using agent = AgentProcess.run(["serve", "--config", file]);
      for (const [claim, step] of Object.entries(steps)) {
        await t.step(claim, () => step({ cluster, agent, stateDir }));
      }
    }
    await Deno.remove(dir, { recursive: true });
  },
});

async function readyNode(cluster: ControlPlane, name: string): Promise<Node> {
  const node = await get<Node>(cluster, `node/${name}`);
  assert.equal(condition(node, "Ready"), "True KubeletReady");
  return node;
}

function leave(cluster: ControlPlane, ...args: readonly string[]) {
  return runFarlet([
    ...["leave", ...args, "--kubeconfig", cluster.kubeconfig],
    "--timeout=30s",
  ]);
}

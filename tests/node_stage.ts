import assert from "node:assert/strict";
import { join } from "node:path";
import { KubeClient } from "../k8s/client.ts";
import { loadCredentials } from "../k8s/kubeconfig.ts";
import { apiPath } from "../k8s/paths.ts";
import type { Lease, Node, Taint } from "../k8s/types.ts";
import type { NodeConfig } from "../node/node_config.ts";
import { type RunningNode, runNode } from "../node/run_node.ts";
import type { Health, NodeFacts } from "../providers/provider.ts";
import { eventually } from "./agent_process.ts";
import type { ControlPlane } from "./controlplane.ts";

/** A cluster, and a client that runs nodes in it. */
export interface Stage {
  readonly cluster: ControlPlane;
  readonly client: KubeClient;
}

/** A provider whose answers a test changes. */
export class TestProvider {
  readonly name = "test";
  health: Health = { kind: "healthy" };
  hangs = false;
  hungCalls = 0;
  facts: NodeFacts = {
    os: "linux",
    arch: "arm64",
    hostname: "machine",
    osImage: "Debian GNU/Linux 13 (trixie)",
    kernelVersion: "6.12.1",
    runtimeVersion: "test://1",
    machineId: "m",
    bootId: "b",
    cpuMillis: 1500,
    memoryBytes: 3 * 1024 ** 3,
    ephemeralStorageBytes: 7 * 1024 ** 3,
    pods: 1000,
    instanceType: "test",
  };

  describeNode(): Promise<NodeFacts> {
    return this.#answer(this.facts);
  }

  checkHealth(): Promise<Health> {
    return this.#answer(this.health);
  }

  #answer<T>(value: T): Promise<T> {
    if (!this.hangs) return Promise.resolve(value);
    this.hungCalls++;
    return new Promise(() => {});
  }
}

/** Runs a node; fails if it is not registered within `limit` ms. */
export async function start(
  { client }: Stage,
  config: Partial<NodeConfig> & { readonly name: string },
  { provider = new TestProvider(), agentId = "agent-1", ready, limit = 30_000 }:
    {
      readonly provider?: TestProvider;
      readonly agentId?: string;
      readonly ready?: Promise<void>;
      readonly limit?: number;
    } = {},
): Promise<RunningNode> {
  const stop = new AbortController();
  const timer = setTimeout(
    () => stop.abort(new Error(`Not registered within ${limit} ms`)),
    limit,
  );
  try {
    return await runNode({
      version: "0.1.0",
      addresses: ["127.0.0.1", "::1"],
      kubeletPort: 10250,
      labels: {},
      annotations: {},
      ...config,
    }, {
      client,
      provider,
      agentId,
      ready: ready ?? Promise.resolve(),
      signal: stop.signal,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until the node is Ready. */
export function ready(stage: Stage, name: string): Promise<Node> {
  return eventually(async () => {
    const node = await getNode(stage, name);
    assert.equal(condition(node, "Ready"), "True KubeletReady");
    return node;
  });
}

/** Waits for the node controller to take its not-ready taints away. */
export async function untainted(stage: Stage, name: string): Promise<void> {
  await eventually(async () => {
    const { spec } = await getNode(stage, name);
    const taints = spec?.taints?.map(taintText) ?? [];
    assert.ok(!taints.some((taint) => taint.includes("not-ready")));
  });
}

/** Speaks as the kubelet of that node: the node authorizer and NodeRestriction apply. */
export async function nodeClient(
  cluster: ControlPlane,
  name: string,
): Promise<KubeClient> {
  const pki = join(cluster.dir, "pki");
  const subject = `/O=system:nodes/CN=system:node:${name}`;
  const { success } = await new Deno.Command("openssl", {
    args: [
      ..."req -x509 -CA ca.crt -CAkey ca.key -newkey ec -nodes".split(" "),
      ..."-pkeyopt ec_paramgen_curve:P-256 -days 2".split(" "),
      ...`-keyout ${name}.key -out ${name}.crt`.split(" "),
      ...["-subj", subject, "-addext", "extendedKeyUsage=clientAuth"],
    ],
    cwd: pki,
    stderr: "null",
  }).output();
  assert.ok(success);
  const { kubeconfig } = cluster;
  const admin = await loadCredentials({ kubeconfig, env: {} });
  return new KubeClient({
    ...admin,
    clientCertificate: {
      certificate: await Deno.readTextFile(join(pki, `${name}.crt`)),
      key: await Deno.readTextFile(join(pki, `${name}.key`)),
    },
    authorize: () => Promise.resolve(),
    describe: () => `the kubelet of ${name}`,
  });
}

/** The Node, read with the rights of the stage. */
export async function getNode({ client }: Stage, name: string): Promise<Node> {
  const path = apiPath("v1", "nodes", { name });
  const signal = AbortSignal.timeout(5_000);
  const node = await client.get<Node>(path, { signal });
  assert.ok(node, `no node ${name}`);
  return node;
}

/** The Lease of a node, likewise. */
export async function getLease(
  { client }: Stage,
  name: string,
): Promise<Lease> {
  const path = apiPath("coordination.k8s.io/v1", "leases", {
    namespace: "kube-node-lease",
    name,
  });
  const signal = AbortSignal.timeout(5_000);
  const lease = await client.get<Lease>(path, { signal });
  assert.ok(lease, `no lease of ${name}`);
  return lease;
}

/** Creates or changes an object as an administrator. */
export async function apply(
  { cluster }: Stage,
  object: unknown,
): Promise<void> {
  const stdin = JSON.stringify(object);
  await cluster.kubectl(["apply", "-f", "-"], { stdin });
}

/** Changes a node's status as another program would. */
export async function patchStatus(
  { cluster }: Stage,
  name: string,
  status: unknown,
): Promise<void> {
  const patch = JSON.stringify({ status });
  await cluster.kubectl(
    ["patch", "node", name, "--subresource=status", "-p", patch],
  );
}

/** Status and reason of a condition, such as `True KubeletReady`. */
export function condition(
  { status }: Node,
  type: string,
): string | undefined {
  const found = status?.conditions?.find((c) => c.type === type);
  return found && `${found.status} ${found.reason}`;
}

/** When a Lease was renewed, in milliseconds. */
export function renewedAt({ spec }: Lease): number {
  return Date.parse(spec?.renewTime ?? "");
}

/** A time as Leases have it. */
export function microTime(date: Date): string {
  return date.toISOString().replace("Z", "000Z");
}

/** As kubectl taint writes it. */
export function taintText(
  { key, value = "", effect }: Taint,
): string {
  return `${key}=${value}:${effect}`;
}

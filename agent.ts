import { join } from "node:path";
import { abortable, type AbortOptions } from "./async/abort.ts";
import { getLogger } from "./async/log.ts";
import { Metrics } from "./async/metrics.ts";
import { writePrivateFile } from "./async/private_file.ts";
import { Semaphore } from "./async/semaphore.ts";
import { TaskGroup } from "./async/task_group.ts";
import { AgentNode, type NodeOptions } from "./agent_node.ts";
import type { KubeletConfig } from "./config_schema.ts";
import { KubeClient } from "./k8s/client.ts";
import type { ApiCredentials } from "./k8s/credentials.ts";
import type { LocalContext } from "./kubelet/local_context.ts";
import { startLocalServer } from "./kubelet/local_server.ts";
import { NodeHeldError } from "./node/lease.ts";
import { ClusterObjects } from "./pods/cluster_objects.ts";

/** What {@linkcode startAgent} makes nodes of, and where. */
export interface AgentOptions {
  readonly credentials: ApiCredentials;
  /** Their names differ. */
  readonly nodes: readonly [NodeOptions, ...NodeOptions[]];
  /** Every node is served by these settings, on a port of its own: see {@linkcode NodeOptions}. */
  readonly kubelet: KubeletConfig;
  /** For the agent's identity and certificates; exists, and only its owner may read it. */
  readonly stateDir: string;
}

/**
 * Is one or more nodes of the cluster until the signal aborts; then says that they are not ready
 * and ends.
 *
 * Waits for an API server that cannot be reached. A node that another agent takes away ends alone
 * as long as others are left.
 *
 * @throws {NodeHeldError} When another agent or a kubelet is the last node already, or becomes it.
 */
export async function startAgent(
  { credentials, nodes, kubelet, stateDir }: AgentOptions,
  { signal }: AbortOptions,
): Promise<void> {
  const metrics = new Metrics();
  using client = new KubeClient(credentials, { metrics });
  await using objects = new ClusterObjects(client);
  const agentId = await readAgentId(stateDir);
  await using opened = new AsyncDisposableStack();
  const shared = { client, credentials, objects, agentId, metrics, stateDir };
  const open = async (node: NodeOptions, index: number) => {
    const port = kubelet.port === 0 ? 0 : kubelet.port + index;
    const settings = { ...kubelet, port: node.kubeletPort ?? port };
    const context = { ...shared, kubelet: settings };
    return opened.use(await AgentNode.open(node, context, { signal }));
  };
  const running = await openAll(nodes, open, { signal });
  // Deno has no unix sockets on Windows.
  await using localServer = Deno.build.os === "windows"
    ? undefined
    : await startLocalServer({ nodes: localNodes(running) }, {
      path: join(stateDir, "agent.sock"),
      signal,
    });
  await using group = new TaskGroup(signal);
  group.spawn(async (signal) => {
    if (localServer === undefined) return;
    await abortable(localServer.finished(), { signal });
  });
  group.spawn((signal) => runNodes(running, { signal }));
  await group.join();
}

/** Opens nodes in their order: the first makes what all of them share, the others come together. */
async function openAll(
  [first, ...others]: AgentOptions["nodes"],
  open: (node: NodeOptions, index: number) => Promise<AgentNode>,
  { signal }: AbortOptions,
): Promise<readonly [AgentNode, ...AgentNode[]]> {
  const opened: [AgentNode, ...AgentNode[]] = [await open(first, 0)];
  const turns = new Semaphore(opensAtOnce);
  const results = await Promise.allSettled(others.map(async (node, index) => {
    using _ = await turns.acquire({ signal });
    return await open(node, index + 1);
  }));
  for (const result of results) {
    if (result.status === "rejected") throw result.reason;
    opened.push(result.value);
  }
  return opened;
}

/** Each may start a process that makes a certificate. */
const opensAtOnce = 4;

function localNodes(
  [first, ...others]: readonly [AgentNode, ...AgentNode[]],
): LocalContext["nodes"] {
  return [first.local, ...others.map(({ local }) => local)];
}

/** Runs until aborted, or until no node is left. */
async function runNodes(
  nodes: readonly AgentNode[],
  { signal }: AbortOptions,
): Promise<void> {
  let left = nodes.length;
  await using group = new TaskGroup(signal);
  for (const node of nodes) {
    group.spawn(async (signal) => {
      try {
        await node.run({ signal });
      } catch (error) {
        if (!(error instanceof NodeHeldError) || left === 1) throw error;
        log.error("Lost a node; going on with the others", { error });
      }
      left--;
    });
  }
  await group.join();
}

const log = getLogger("agent");

/** The agent's identity: made once, kept in the state directory. */
async function readAgentId(stateDir: string): Promise<string> {
  const path = join(stateDir, "agent-id");
  try {
    const id = (await Deno.readTextFile(path)).trim();
    if (id !== "") return id;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const id = crypto.randomUUID();
  await writePrivateFile(path, `${id}\n`);
  return id;
}

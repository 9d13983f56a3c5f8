import type { AbortOptions } from "../async/abort.ts";
import { abortable } from "../async/abort.ts";
import { ConfigError } from "../async/config_error.ts";
import { getLogger } from "../async/log.ts";
import { TaskGroup } from "../async/task_group.ts";
import type { KubeClient } from "../k8s/client.ts";
import type { EventSink } from "../k8s/events.ts";
import { apiPath } from "../k8s/paths.ts";
import { Reflector } from "../k8s/reflector.ts";
import type { Node } from "../k8s/types.ts";
import type { ConditionSource, Provider } from "../providers/provider.ts";

import { NodeHeldError, NodeLease } from "./lease.ts";
import { NodeEvents } from "./node_events.ts";
import { type NodeConfig, nodeConfigProblems } from "./node_config.ts";
import { ProviderWatch } from "./provider_watch.ts";
import { type MachineState, NodePublisher } from "./status.ts";

/** What {@linkcode runNode} works with. */
export interface RunNodeOptions extends AbortOptions {
  readonly client: KubeClient;
  readonly provider: Pick<
    Provider,
    "name" | "describeNode" | "checkHealth" | "conditions"
  >;
  /** Tells this agent from another that wants the same node; stable over restarts. */
  readonly agentId: string;
  /** Resolves when the node's pods are known: the node is not ready before. */
  readonly ready: Promise<void>;
  /** Conditions that other parts of the agent answer for; none by default. */
  readonly conditions?: readonly ConditionSource[];
  /** Whether the node's machine is about to go down; never unless given. */
  readonly shutdown?: MachineState;
  /** Takes the Events of the node; none are recorded without. */
  readonly events?: EventSink;
}

/**
 * A node that is registered and kept alive.
 *
 * When its signal aborts, or it is disposed, it publishes Ready=False and lets the Lease go, within
 * three seconds.
 */
export interface RunningNode extends AsyncDisposable {
  /** Where the agent serves the kubelet API: also the host IPs of the node's pods. */
  readonly addresses: readonly string[];
  /** The Node as the API server last had it; undefined after someone has deleted it. */
  node(): Node | undefined;
  /** Publishes Ready=False from now on, while the node's pods are being stopped. */
  markNotReady(reason: string, message: string): void;
  /**
   * Resolves when the node has been stopped.
   *
   * @throws {NodeHeldError} As soon as another agent has taken the node.
   */
  join(): Promise<void>;
}

/**
 * Registers the node and keeps its Lease and status up to date until aborted.
 *
 * Resolves once the Node exists and is this agent's. Waits for an API server or a provider that
 * does not answer.
 *
 * @throws {NodeHeldError} When another agent or a kubelet is this node already.
 * @throws {ConfigError} When `config` is not valid; ask {@linkcode nodeConfigProblems} before.
 */
export async function runNode(
  config: NodeConfig,
  options: RunNodeOptions,
): Promise<RunningNode> {
  const [problem] = nodeConfigProblems(config);
  if (problem) {
    throw new ConfigError(
      `Cannot run node "${config.name}": ${problem.field}: ${problem.message}`,
    );
  }
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const registered = Promise.withResolvers<void>();
  const parts = nodeParts(config, options, registered.resolve);
  const done = live(parts, { ...options, signal });
  await Promise.race([registered.promise, done]);
  options.signal.throwIfAborted();
  return {
    addresses: config.addresses,
    node: () => parts.publisher.node(),
    markNotReady: (reason, message) =>
      parts.publisher.markNotReady(reason, message),
    join: () => done,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.allSettled([done]); // join() tells of a failure.
    },
  };
}

interface NodeParts {
  readonly lease: NodeLease;
  readonly watch: ProviderWatch;
  readonly nodes: Reflector<Node>;
  readonly publisher: NodePublisher;
}

function nodeParts(
  config: NodeConfig,
  { client, provider, agentId, conditions = [], shutdown, events }:
    RunNodeOptions,
  onRegistered: () => void,
): NodeParts {
  const watch = new ProviderWatch(provider);
  const nodes = new Reflector<Node>(client, apiPath("v1", "nodes", {}), {
    fieldSelector: `metadata.name=${config.name}`,
  });
  const publisher: NodePublisher = new NodePublisher({
    client,
    config,
    provider: provider.name,
    watch,
    nodes,
    conditions,
    ...(shutdown && { shutdown }),
    ...(events && { events: new NodeEvents(events) }),
    registered() {
      lease.renewSoon();
      onRegistered();
    },
  });
  const lease = new NodeLease(client, {
    nodeName: config.name,
    agent: {
      id: agentId,
      run: crypto.randomUUID(),
      description: `${Deno.hostname()}, pid ${Deno.pid}`,
    },
    nodeUid: () => publisher.node()?.metadata?.uid,
  });
  return { lease, watch, nodes, publisher };
}

async function live(
  parts: NodeParts,
  { ready, signal }: RunNodeOptions,
): Promise<void> {
  const { lease, watch, publisher } = parts;
  await using group = new TaskGroup(signal);
  group.spawn((signal) => watch.run({ signal }));
  group.spawn(async (signal) => {
    await abortable(ready, { signal });
    publisher.podsSynced();
  });
  group.spawn(async (signal) => {
    await lease.acquire({ signal });
    await hold(parts, { signal });
  });
  await group.join();
}

/** Keeps the node up while this agent has its Lease. */
async function hold(parts: NodeParts, { signal }: AbortOptions): Promise<void> {
  const { lease, nodes, publisher } = parts;
  try {
    await using group = new TaskGroup(signal);
    group.spawn((signal) => lease.run({ signal }));
    group.spawn((signal) => nodes.run({ signal }));
    group.spawn((signal) => publisher.run({ signal }));
    await group.join();
  } catch (error) {
    // The node is someone else's now: it is theirs to say whether it is ready.
    if (!(error instanceof NodeHeldError)) await leave(parts);
    throw error;
  }
  await leave(parts);
}

async function leave({ lease, publisher }: NodeParts): Promise<void> {
  const signal = AbortSignal.timeout(leaveDeadline);
  if (!publisher.stopping) {
    publisher.markNotReady("NodeShutdown", "farlet was stopped");
  }
  try {
    await publisher.publish({ signal });
    await lease.release({ signal });
  } catch (error) {
    log.warn("Cannot take leave of the API server", { error });
  }
}

/** Milliseconds for the last words to the API server. */
const leaveDeadline = 3_000;

const log = getLogger("node");

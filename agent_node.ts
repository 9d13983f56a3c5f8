import { join } from "node:path";
import { abortable, type AbortOptions } from "./async/abort.ts";
import { type Backoff, backoffDelay } from "./async/backoff.ts";
import { delay } from "./async/delay.ts";
import { getLogger } from "./async/log.ts";
import { serveKubelet, servingCertificates } from "./agent_kubelet.ts";
import { nodePods } from "./agent_pods.ts";
import type { Metrics } from "./async/metrics.ts";
import { TaskGroup } from "./async/task_group.ts";
import type { KubeletConfig } from "./config_schema.ts";
import type { KubeClient } from "./k8s/client.ts";
import type { ApiCredentials } from "./k8s/credentials.ts";
import { EventRecorder } from "./k8s/events.ts";
import { RecentEvents } from "./k8s/recent_events.ts";
import { apiPath } from "./k8s/paths.ts";
import { Reflector } from "./k8s/reflector.ts";
import type { Node, Pod, Taint } from "./k8s/types.ts";
import type { CertificateSource } from "./kubelet/certificate_source.ts";
import type { KubeletContext } from "./kubelet/context.ts";
import type { LocalNode } from "./kubelet/local_context.ts";
import type { KubeletServer } from "./kubelet/server.ts";
import { agentFlags, kubeletConfiguration } from "./kubelet_configuration.ts";
import { addressToward } from "./node/node_address.ts";
import { leftReason, untilLeaving } from "./node/leaving.ts";
import { type RunningNode, runNode } from "./node/run_node.ts";
import type { ClusterObjects } from "./pods/cluster_objects.ts";
import { runPods } from "./pods/controller.ts";
import { PodEngine } from "./pods/engine.ts";
import {
  defaultEviction,
  type EvictionSettings,
} from "./pods/eviction_thresholds.ts";
import type { Evictor } from "./pods/evictor.ts";
import type { NodeView } from "./pods/field_ref.ts";
import { LocalPods } from "./pods/local_pods.ts";
import { podApi } from "./pods/pod_api.ts";
import type { NodeShutdown } from "./pods/node_shutdown.ts";
import type { ShutdownSettings } from "./pods/shutdown_steps.ts";
import { ProbeMetrics } from "./pods/probe_metrics.ts";
import { requestDeletion } from "./pods/request_deletion.ts";
import type { PodProvider } from "./providers/pod_provider.ts";
import type { Provider } from "./providers/provider.ts";
import {
  reservedResources,
  type SystemReserved,
} from "./reserved_resources.ts";
import { version } from "./version.ts";

const log = getLogger("agent");

/** One node that an agent offers to the cluster. */
export interface NodeOptions {
  /** The name of the Node. */
  readonly name: string;
  /** What runs its pods; the caller disposes of it, after the agent has ended. */
  readonly provider: Provider;
  /** Where the API server reaches the kubelet API; found out unless given. */
  readonly ip?: string;
  /** Of its kubelet API. The agent's own unless given, and one more for each node after the first. */
  readonly kubeletPort?: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  /** What the machine needs for itself; nothing unless given. */
  readonly systemReserved?: SystemReserved;
  /** When pods are evicted for the node's sake; as a kubelet does unless given. */
  readonly eviction?: EvictionSettings;
  /** The time that pods get to end when the machine shuts down; none unless given. */
  readonly shutdown?: ShutdownSettings;
  /** Kernel parameters that pods may set though they are not safe; `*` ends a pattern. */
  readonly allowedUnsafeSysctls?: readonly string[];
  /** For pods that ask for the cluster's DNS; left out where containers have no use for any. */
  readonly clusterDns?: {
    /** Addresses of its servers; without any, pods use the host's and are warned. */
    readonly servers: readonly string[];
    /** Such as `cluster.local`. */
    readonly domain: string;
  };
}

/** What the nodes of an agent have in common. */
export interface AgentContext {
  readonly client: KubeClient;
  readonly credentials: ApiCredentials;
  readonly objects: ClusterObjects;
  readonly agentId: string;
  readonly metrics: Metrics;
  /** With the port of this node. */
  readonly kubelet: KubeletConfig;
  readonly stateDir: string;
}

interface Parts {
  readonly nodeName: string;
  readonly ip: string;
  readonly pods: PodProvider;
  readonly evictor?: Evictor;
  readonly shutdown?: NodeShutdown;
  readonly store: Reflector<Pod>;
  readonly recorder: EventRecorder;
  readonly events: RecentEvents;
  readonly localPods: LocalPods;
  readonly certificates: CertificateSource;
  readonly server: KubeletServer;
  readonly local: LocalNode;
  /** Where the Node is put once it is registered. */
  readonly registered: { node?: () => Node | undefined };
}

/** One node of an agent: its kubelet API is served from the start, the rest while it runs. */
export class AgentNode implements AsyncDisposable {
  readonly #options: NodeOptions;
  readonly #context: AgentContext;
  readonly #parts: Parts;

  private constructor(
    options: NodeOptions,
    context: AgentContext,
    parts: Parts,
  ) {
    this.#options = options;
    this.#context = context;
    this.#parts = parts;
  }

  static async open(
    options: NodeOptions,
    context: AgentContext,
    { signal }: AbortOptions,
  ): Promise<AgentNode> {
    const parts = await openParts(options, context, { signal });
    return new AgentNode(options, context, parts);
  }

  /** What local tools see of it. */
  get local(): LocalNode {
    return this.#parts.local;
  }

  /**
   * Registers the Node and keeps its pods as they should be, until aborted, or until someone has
   * asked it to leave the cluster and it has.
   */
  async run(options: AbortOptions): Promise<void> {
    const { provider, labels, taints, systemReserved = {} } = this.#options;
    const { eviction = defaultEviction } = this.#options;
    // Where nothing is measured nobody is evicted.
    const isMeasured = provider.nodeStats !== undefined;
    const thresholds = isMeasured ? eviction.thresholds : [];
    const { client, agentId } = this.#context;
    const { nodeName, ip, store, server, certificates, evictor, shutdown } =
      this.#parts;
    const over = new AbortController();
    await using group = new TaskGroup(
      AbortSignal.any([options.signal, over.signal]),
    );
    const ready = store.synced({ signal: group.signal });
    group.spawn((signal) => store.run({ signal }));
    group.spawn((signal) => this.#parts.recorder.run({ signal }));
    await using node = await runNode({
      name: nodeName,
      version,
      addresses: [ip],
      kubeletPort: server.port,
      labels,
      annotations: {},
      taints,
      reserved: reservedResources(systemReserved, thresholds),
    }, {
      client,
      provider,
      agentId,
      ready,
      events: this.#parts.events,
      conditions: [
        certificates.status,
        ...evictor?.conditions ?? [],
        ...provider.conditions ?? [],
      ],
      ...(shutdown && { shutdown }),
      signal: group.signal,
    });
    this.#parts.registered.node = () => node.node();
    log.info("Registered node", { node: nodeName, ip, port: server.port });
    group.spawn(async (signal) => {
      await this.#runPods(node, { signal });
      over.abort();
    });
    group.spawn(() => node.join());
    group.spawn((signal) => abortable(server.finished(), { signal }));
    await group.join();
    log.info("Stopped", { node: nodeName });
  }

  async #runPods(node: RunningNode, { signal }: AbortOptions): Promise<void> {
    const { client } = this.#context;
    const { nodeName, pods, evictor, shutdown, store, localPods: local } =
      this.#parts;
    const leaving = new AbortController();
    await using group = new TaskGroup(
      AbortSignal.any([signal, leaving.signal]),
    );
    if (pods instanceof PodEngine) {
      group.spawn((signal) => pods.run({ signal }));
    }
    if (evictor !== undefined) {
      group.spawn((signal) => evictor.run({ signal }));
    }
    if (shutdown !== undefined) {
      group.spawn((signal) => shutdown.run({ signal }));
    }
    const api = podApi(client);
    group.spawn((signal) =>
      runPods({ store, provider: pods, api, local }, { signal })
    );
    group.spawn(async (signal) => {
      await untilLeaving(() => node.node(), { signal });
      leaving.abort();
    });
    await group.join();
    if (signal.aborted) return;
    log.info("Leaving the cluster", { node: nodeName });
    await purge(this.#options.provider, { signal });
    node.markNotReady(leftReason, "farlet has removed what it kept here");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.server[Symbol.asyncDispose]();
  }
}

/** Removes what is left of the node's pods; tries again until that has worked. */
async function purge(
  provider: Provider,
  { signal }: AbortOptions,
): Promise<void> {
  for (let failures = 1;; failures++) {
    try {
      return await provider.purge?.({ signal });
    } catch (error) {
      signal.throwIfAborted();
      log.error("Cannot remove what is kept for the node; trying again", {
        error,
      });
      await delay(backoffDelay(failures, purgeBackoff), { signal });
    }
  }
}

const purgeBackoff: Backoff = { base: 1_000, cap: 30_000 };

async function openParts(
  options: NodeOptions,
  context: AgentContext,
  { signal }: AbortOptions,
): Promise<Parts> {
  const { name: nodeName, provider, taints, clusterDns } = options;
  const { client, objects, kubelet, metrics } = context;
  const ip = options.ip ?? await addressToward(
    new URL(context.credentials.server),
    { signal },
  );
  const stateDir = join(context.stateDir, "nodes", nodeName);
  await Deno.mkdir(stateDir, { recursive: true, mode: 0o700 });
  const store = new Reflector<Pod>(client, apiPath("v1", "pods", {}), {
    fieldSelector: `spec.nodeName=${nodeName}`,
  });
  const recorder = new EventRecorder(client, { host: nodeName });
  const events = new RecentEvents(recorder, { host: nodeName });
  const localPods = new LocalPods();
  const registered: Parts["registered"] = {};
  const probeMetrics = new ProbeMetrics();
  const { pods, evictor, shutdown } = nodePods(provider, {
    objects,
    probeMetrics,
    events,
    eviction: options.eviction,
    shutdown: options.shutdown,
    // The name in place of the UID: so a kubelet does, and so `kubectl describe node` asks.
    nodeReference: () => ({
      apiVersion: "v1",
      kind: "Node",
      name: nodeName,
      uid: nodeName,
    }),
    ...(clusterDns === undefined ? {} : { clusterDns }),
    node: () => ({
      ...nodeView(registered.node?.(), { name: nodeName, ip }),
      allowedUnsafeSysctls: options.allowedUnsafeSysctls ?? [],
    }),
  });
  const kubeletContext: KubeletContext = {
    nodeName,
    backend: pods,
    node: () => registered.node?.(),
    ...podLookup(store, localPods),
    ...nodeStats(provider),
    ...(provider.metrics &&
      { providerMetrics: provider.metrics.bind(provider) }),
    configuration: kubeletConfiguration(kubelet, {
      taints,
      eviction: options.eviction ?? defaultEviction,
      systemReserved: options.systemReserved ?? {},
      shutdown: options.shutdown,
      allowedUnsafeSysctls: options.allowedUnsafeSysctls ?? [],
    }),
    flags: agentFlags({ ...options, kubelet, stateDir: context.stateDir }),
    version,
    metrics,
    probeMetrics,
  };
  const certificates = await servingCertificates({
    ...{ nodeName, ip, kubelet, client, stateDir },
  });
  const server = await serveKubelet(kubeletContext, {
    ...{ kubelet, certificates, client, signal },
    stateDir: context.stateDir,
  });
  const local: LocalNode = {
    ...kubeletContext,
    events: { list: () => events.list(), changes: events.changes.bind(events) },
    changes: [store.changes.bind(store), localPods.changes.bind(localPods)],
    deletePod: (pod, options) =>
      requestDeletion({ client, local: localPods }, pod, options),
  };
  return {
    ...{ nodeName, ip, pods, store, recorder, events, localPods, certificates },
    ...{ server, local, registered },
    ...(evictor === undefined ? {} : { evictor }),
    ...(shutdown === undefined ? {} : { shutdown }),
  };
}

/** The Node as its pods see it; what only the API server knows is not said before it is known. */
function nodeView(
  node: Node | undefined,
  { name, ip }: { readonly name: string; readonly ip: string },
): NodeView {
  if (node === undefined) return { name, ips: [ip], allocatable: {} };
  return {
    name,
    ips: [ip],
    allocatable: node.status?.allocatable ?? {},
    labels: node.metadata?.labels ?? {},
    taints: node.spec?.taints ?? [],
  };
}

/** Finds pods by name; of two with one name, the one that was created last. */
function podLookup(
  store: Reflector<Pod>,
  local: LocalPods,
): Pick<KubeletContext, "findPod" | "pods" | "podsSynced"> {
  const createdAt = ({ metadata }: Pod) => metadata?.creationTimestamp ?? "";
  return {
    podsSynced: () => store.lastSyncedAt !== undefined,
    *pods() {
      for (const pod of store.list()) {
        const now = local.view(pod);
        if (now !== undefined) yield now;
      }
    },
    findPod(namespace, name) {
      const [newest] = [...store.list()].filter(({ metadata }) =>
        metadata?.namespace === namespace && metadata.name === name
      ).toSorted((a, b) => createdAt(a) < createdAt(b) ? 1 : -1);
      return newest && local.view(newest);
    },
  };
}

function nodeStats(provider: Provider): Pick<KubeletContext, "nodeStats"> {
  if (provider.nodeStats === undefined) return {};
  return { nodeStats: provider.nodeStats.bind(provider) };
}

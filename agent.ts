import { join } from "node:path";
import { type AbortOptions, untilAborted } from "./async/abort.ts";
import { getLogger } from "./async/log.ts";
import { Metrics } from "./async/metrics.ts";
import { writePrivateFile } from "./async/private_file.ts";
import { TaskGroup } from "./async/task_group.ts";
import type { KubeletConfig } from "./config_schema.ts";
import { KubeClient } from "./k8s/client.ts";
import type { ApiCredentials } from "./k8s/credentials.ts";
import { EventRecorder } from "./k8s/events.ts";
import { RecentEvents } from "./k8s/recent_events.ts";
import { apiPath } from "./k8s/paths.ts";
import { Reflector } from "./k8s/reflector.ts";
import type { Node, Pod, Taint } from "./k8s/types.ts";
import { CertificateFiles } from "./kubelet/certificate_files.ts";
import type { CertificateSource } from "./kubelet/certificate_source.ts";
import type { KubeletContext } from "./kubelet/context.ts";
import type { LocalNode } from "./kubelet/local_context.ts";
import { startLocalServer } from "./kubelet/local_server.ts";
import { type KubeletServer, startKubeletServer } from "./kubelet/server.ts";
import { RequestedCertificate } from "./kubelet/serving_csr.ts";
import { agentFlags, kubeletConfiguration } from "./kubelet_configuration.ts";
import { addressToward } from "./node/node_address.ts";
import { runNode } from "./node/run_node.ts";
import { ClusterObjects } from "./pods/cluster_objects.ts";
import { runPods } from "./pods/controller.ts";
import { PodEngine } from "./pods/engine.ts";
import { LocalPods } from "./pods/local_pods.ts";
import { podApi } from "./pods/pod_api.ts";
import { requestDeletion } from "./pods/request_deletion.ts";
import type { PodProvider } from "./providers/pod_provider.ts";
import type { Provider } from "./providers/provider.ts";
import { version } from "./version.ts";

const log = getLogger("agent");

/** What {@linkcode startAgent} makes a node of, and where. */
export interface AgentOptions {
  readonly credentials: ApiCredentials;
  readonly provider: Provider;
  /** The name of the Node. */
  readonly nodeName: string;
  /** Where the API server reaches the kubelet API; found out unless given. */
  readonly ip?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly kubelet: KubeletConfig;
  /** For the agent's identity and certificates; exists, and only its owner may read it. */
  readonly stateDir: string;
}

/**
 * Is a node of the cluster until the signal aborts; then says that the node is not ready and ends.
 *
 * Waits for an API server that cannot be reached.
 *
 * @throws {NodeHeldError} When another agent or a kubelet is this node already, or becomes it.
 */
export async function startAgent(
  options: AgentOptions,
  { signal }: AbortOptions,
): Promise<void> {
  const { credentials, provider, nodeName, stateDir } = options;
  const metrics = new Metrics();
  using client = new KubeClient(credentials, { metrics });
  const ip = options.ip ?? await addressToward(new URL(credentials.server), {
    signal,
  });
  await using group = new TaskGroup(signal);
  const store = new Reflector<Pod>(client, apiPath("v1", "pods", {}), {
    fieldSelector: `spec.nodeName=${nodeName}`,
  });
  const recorder = new EventRecorder(client, { host: nodeName });
  const events = new RecentEvents(recorder, { host: nodeName });
  const local = new LocalPods();
  await using objects = new ClusterObjects(client);
  const registered: { node?: () => Node | undefined } = {};
  const pods = podProvider(provider, {
    objects,
    events,
    node: () => ({
      ips: [ip],
      allocatable: registered.node?.()?.status?.allocatable ?? {},
    }),
  });
  const context: KubeletContext = {
    nodeName,
    backend: pods,
    node: () => registered.node?.(),
    ...podLookup(store, local),
    ...nodeStats(provider),
    configuration: kubeletConfiguration(options.kubelet, options),
    flags: agentFlags(options),
    version,
    metrics,
  };
  const certificates = await servingCertificates({ ...options, ip, client });
  await using server = await serveKubelet(context, {
    ...options,
    certificates,
    client,
    signal,
  });
  const localNode: LocalNode = {
    ...context,
    events: { list: () => events.list(), changes: events.changes.bind(events) },
    changes: [store.changes.bind(store), local.changes.bind(local)],
    deletePod: (pod, options) =>
      requestDeletion({ client, local }, pod, options),
  };
  // Deno has no unix sockets on Windows.
  await using localServer = Deno.build.os === "windows"
    ? undefined
    : await startLocalServer({ nodes: [localNode] }, {
      path: join(stateDir, "agent.sock"),
      signal,
    });
  const agentId = await readAgentId(stateDir);
  const ready = store.synced({ signal: group.signal });
  group.spawn((signal) => store.run({ signal }));
  group.spawn((signal) => recorder.run({ signal }));
  await using node = await runNode({
    name: nodeName,
    version,
    addresses: [ip],
    kubeletPort: server.port,
    labels: options.labels,
    annotations: {},
    taints: options.taints,
  }, {
    client,
    provider,
    agentId,
    ready,
    conditions: [certificates.status],
    signal: group.signal,
  });
  registered.node = () => node.node();
  log.info("Registered node", { node: nodeName, ip, port: server.port });
  if (pods instanceof PodEngine) group.spawn((signal) => pods.run({ signal }));
  group.spawn((signal) =>
    runPods({ store, provider: pods, api: podApi(client), local }, { signal })
  );
  group.spawn(() => node.join());
  group.spawn(() => server.finished());
  group.spawn(async () => await localServer?.finished());
  group.spawn(untilAborted);
  await group.join();
  log.info("Stopped", { node: nodeName });
}

/** The provider's own pods, or farlet's engine over its containers. */
function podProvider(
  provider: Provider,
  context: Pick<
    ConstructorParameters<typeof PodEngine>[0],
    "objects" | "events" | "node"
  >,
): PodProvider {
  if ("pods" in provider) return provider.pods;
  return new PodEngine({
    ...context,
    runtime: provider.runtime,
    runtimeName: provider.name,
    refusals: (pod) => provider.refusals?.(pod) ?? [],
  });
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

/** The operator's certificate, else one of the cluster, self-signed until it has signed it. */
async function servingCertificates(
  { nodeName, ip, kubelet, client, stateDir }: AgentOptions & {
    readonly ip: string;
    readonly client: KubeClient;
  },
): Promise<CertificateSource> {
  const { tlsCertFile, tlsKeyFile, serverTLSBootstrap } = kubelet;
  if (tlsCertFile !== undefined && tlsKeyFile !== undefined) {
    return await CertificateFiles.open({
      certificateFile: tlsCertFile,
      privateKeyFile: tlsKeyFile,
    });
  }
  return await RequestedCertificate.open({
    stateDirectory: stateDir,
    nodeName,
    addresses: [ip],
    ...(serverTLSBootstrap && { api: client }),
  });
}

async function serveKubelet(
  context: KubeletContext,
  { kubelet, stateDir, certificates, client, signal }:
    & AgentOptions
    & AbortOptions
    & {
      readonly certificates: CertificateSource;
      readonly client: KubeClient;
    },
): Promise<KubeletServer> {
  const { address, port, clientCaFile, authentication, authorization } =
    kubelet;
  return await startKubeletServer(context, {
    hostname: address,
    port,
    certificate: certificates.initial,
    renewals: certificates.run.bind(certificates),
    access: {
      anonymous: authentication.anonymous.enabled,
      tokenLifetimeMs: authentication.webhook.cacheTTL,
      allowedLifetimeMs: authorization.webhook.cacheAuthorizedTTL,
      deniedLifetimeMs: authorization.webhook.cacheUnauthorizedTTL,
    },
    streamingIdleMs: kubelet.streamingConnectionIdleTimeout,
    clientCa: clientCaFile === undefined
      ? { kind: "cluster" }
      : { kind: "file", path: clientCaFile },
    client,
    stateDirectory: stateDir,
    signal,
  });
}

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

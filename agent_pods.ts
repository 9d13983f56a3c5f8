import { ConfigError } from "./async/config_error.ts";
import type { ObjectReference } from "./k8s/types.ts";
import { pressureRefusal } from "./pods/eviction_admission.ts";
import {
  defaultEviction,
  type EvictionSettings,
} from "./pods/eviction_thresholds.ts";
import { PodEngine } from "./pods/engine.ts";
import { Evictor } from "./pods/evictor.ts";
import {
  NodeShutdown,
  type NodeShutdownOptions,
} from "./pods/node_shutdown.ts";
import type { EngineContext } from "./pods/pod_actions.ts";
import {
  shutdownGraceMs,
  type ShutdownSettings,
} from "./pods/shutdown_steps.ts";
import type { PodProvider } from "./providers/pod_provider.ts";
import type { Provider } from "./providers/provider.ts";

/** What runs the pods of a node. */
export interface NodePods {
  readonly pods: PodProvider;
  /** Absent where the provider runs whole pods: what they use is its own business. */
  readonly evictor?: Evictor;
  /** Absent where pods get no time when the machine shuts down. */
  readonly shutdown?: NodeShutdown;
}

/** What the pods of a node need to know besides their provider. */
export interface NodePodsContext extends
  Pick<
    EngineContext,
    "objects" | "events" | "node" | "clusterDns" | "probeMetrics"
  > {
  /** As a kubelet's unless given. */
  readonly eviction?: EvictionSettings | undefined;
  /** No time for pods when the machine shuts down unless given. */
  readonly shutdown?: ShutdownSettings | undefined;
  /** For Events of the node. */
  nodeReference(): ObjectReference;
}

/** The provider's own pods, or farlet's engine over its containers. */
export function nodePods(
  provider: Provider,
  { eviction = defaultEviction, shutdown, nodeReference, ...context }:
    NodePodsContext,
): NodePods {
  if ("pods" in provider) {
    if (shutdown && shutdownGraceMs(shutdown) > 0) {
      throw new ConfigError(
        `Cannot end pods before a machine shuts down: the provider ${provider.name} runs whole pods`,
      );
    }
    return { pods: provider.pods };
  }
  const { runtime } = provider;
  const pods: PodEngine = new PodEngine({
    ...context,
    runtime,
    runtimeName: provider.name,
    refusals: (pod) => provider.refusals?.(pod) ?? [],
    ignored: (pod) => provider.ignored?.(pod) ?? [],
    admission: [
      () => nodeShutdown?.refusal(),
      (pod) => pressureRefusal(pod, evictor.pressures),
    ],
    podApiServer: () => provider.podApiServer?.(),
  });
  const evictor: Evictor = new Evictor({
    settings: eviction,
    pods,
    events: context.events,
    node: nodeReference,
    ...(runtime.stats && { stats: runtime.stats.bind(runtime) }),
    ...(provider.nodeStats && { nodeStats: provider.nodeStats.bind(provider) }),
    ...(provider.reclaim && { reclaim: provider.reclaim.bind(provider) }),
  });
  const nodeShutdown = shutdownOf(provider, shutdown, {
    pods,
    events: context.events,
    node: nodeReference,
  });
  return { pods, evictor, ...(nodeShutdown && { shutdown: nodeShutdown }) };
}

function shutdownOf(
  provider: Provider,
  settings: ShutdownSettings | undefined,
  options: Omit<NodeShutdownOptions, "settings" | "watch">,
): NodeShutdown | undefined {
  if (settings === undefined || shutdownGraceMs(settings) === 0) {
    return undefined;
  }
  const { watchShutdown } = provider;
  if (watchShutdown === undefined) {
    throw new ConfigError(
      `Cannot end pods before the machine of node "${options.node().name}" shuts down: ` +
        `the provider ${provider.name} does not tell of shutdowns; leave out ` +
        `shutdownGracePeriod or use another provider`,
    );
  }
  const watch = watchShutdown.bind(provider);
  return new NodeShutdown({ ...options, settings, watch });
}

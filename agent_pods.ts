import type { ObjectReference } from "./k8s/types.ts";
import { pressureRefusal } from "./pods/eviction_admission.ts";
import {
  defaultEviction,
  type EvictionSettings,
} from "./pods/eviction_thresholds.ts";
import { PodEngine } from "./pods/engine.ts";
import { Evictor } from "./pods/evictor.ts";
import type { EngineContext } from "./pods/pod_actions.ts";
import type { PodProvider } from "./providers/pod_provider.ts";
import type { Provider } from "./providers/provider.ts";

/** What runs the pods of a node. */
export interface NodePods {
  readonly pods: PodProvider;
  /** Absent where the provider runs whole pods: what they use is its own business. */
  readonly evictor?: Evictor;
}

/** What the pods of a node need to know besides their provider. */
export interface NodePodsContext extends
  Pick<
    EngineContext,
    "objects" | "events" | "node" | "clusterDns" | "probeMetrics"
  > {
  /** As a kubelet's unless given. */
  readonly eviction?: EvictionSettings | undefined;
  /** For Events of the node. */
  nodeReference(): ObjectReference;
}

/** The provider's own pods, or farlet's engine over its containers. */
export function nodePods(
  provider: Provider,
  { eviction = defaultEviction, nodeReference, ...context }: NodePodsContext,
): NodePods {
  if ("pods" in provider) return { pods: provider.pods };
  const { runtime } = provider;
  const pods: PodEngine = new PodEngine({
    ...context,
    runtime,
    runtimeName: provider.name,
    refusals: (pod) => provider.refusals?.(pod) ?? [],
    ignored: (pod) => provider.ignored?.(pod) ?? [],
    admission: [(pod) => pressureRefusal(pod, evictor.pressures)],
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
  return { pods, evictor };
}

import type { AbortOptions } from "../async/abort.ts";
import type { MetricFamily } from "../async/metric_text.ts";
import type { Metrics } from "../async/metrics.ts";
import type { KubeClient } from "../k8s/client.ts";
import type { Node, Pod } from "../k8s/types.ts";
import type { PodProvider } from "../providers/pod_provider.ts";
import type { NodeSample } from "../providers/provider.ts";

/** What the kubelet API needs of the rest of the agent. */
export interface KubeletContext {
  readonly nodeName: string;
  /** The capabilities of the node; an absent method is answered with 501. */
  readonly backend: Pick<
    PodProvider,
    "readLogs" | "exec" | "attach" | "portForward" | "stats"
  >;
  /** The newest pod of that name, with its current status. */
  findPod(namespace: string, name: string): Pod | undefined;
  /** Every pod of the node, with its current status. */
  pods(): Iterable<Pod>;
  /** Whether the pods of the node are known yet. */
  podsSynced?(): boolean;
  /** The Node as last heard of; undefined while it is not registered, or without a cluster. */
  node?(): Node | undefined;
  /** What the node uses now. */
  nodeStats?(options: AbortOptions): Promise<NodeSample>;
  /** What the agent was told, as a `KubeletConfiguration` names it: no secrets. */
  readonly configuration?: Readonly<Record<string, unknown>>;
  /** What the agent was told, by flag, as far as there are flags for it: no secrets. */
  readonly flags?: Readonly<Record<string, string>>;
  /** farlet's version. */
  readonly version?: string;
  /** What the agent counts of itself. */
  readonly metrics?: Metrics;
  /** What the provider counts. */
  providerMetrics?(options: AbortOptions): Promise<readonly MetricFamily[]>;
  /** What is known of the probes. */
  readonly probeMetrics?: Pick<Metrics, "families">;
}

/** What the kubelet API needs of an API client. */
export type KubeApi = Pick<KubeClient, "get" | "create">;

/** Who is at the other end of a connection, as far as the connection itself proves it. */
export type Peer =
  | { readonly kind: "anonymous" }
  | { readonly kind: "certificate"; readonly user: User }
  /** A process of the agent's own user, over the unix socket: may do everything. */
  | { readonly kind: "local" };

/** A user as the API server's authorizer knows it. */
export interface User {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

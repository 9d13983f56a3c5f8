import { type AbortOptions } from "./async/abort.ts";
import { ConfigError } from "./async/config_error.ts";
import type { RecentEvents } from "./k8s/recent_events.ts";
import { apiTime } from "./k8s/time.ts";
import type { Node, Pod } from "./k8s/types.ts";
import type { LocalNode } from "./kubelet/local_context.ts";
import { type LocalServer, startLocalServer } from "./kubelet/local_server.ts";
import { nodeConditions } from "./node/conditions.ts";
import { nodeObject } from "./node/node_object.ts";
import type { PodEngine } from "./pods/engine.ts";
import type { LocalPods } from "./pods/local_pods.ts";
import { desiredPod } from "./pods/pod_spec.ts";
import type { Provider } from "./providers/provider.ts";
import type { Console } from "./standalone_output.ts";
import { version } from "./version.ts";

/** What {@linkcode standaloneNode} shows. */
export interface StandaloneNodeOptions {
  readonly pods: readonly Pod[];
  readonly provider: Provider;
  readonly engine: PodEngine;
  readonly events: RecentEvents;
  readonly local: LocalPods;
  /** Ends a pod in the background. */
  deletePod(pod: Pod, options: { readonly graceSeconds: number }): void;
}

/** The pods of a `farlet run` as a node that local tools can look at. */
export async function standaloneNode(
  { pods, provider, engine, events, local, deletePod }: StandaloneNodeOptions,
  { signal }: AbortOptions,
): Promise<LocalNode> {
  const now = new Date();
  const node = await describe(provider, now, { signal });
  const nodeName = node.metadata?.name ?? "";
  const known = pods.map(({ metadata, spec, ...pod }): Pod => ({
    ...pod,
    metadata: { ...metadata, creationTimestamp: apiTime(now) },
    spec: { containers: [], ...spec, nodeName },
  }));
  const current = () =>
    known.map((pod) => local.view(pod)).filter((pod) => pod !== undefined);
  return {
    nodeName,
    backend: engine,
    pods: current,
    findPod: (namespace, name) =>
      current().find(({ metadata }) =>
        metadata?.namespace === namespace && metadata.name === name
      ),
    node: () => node,
    ...(provider.nodeStats &&
      { nodeStats: provider.nodeStats.bind(provider) }),
    events: { list: () => events.list(), changes: events.changes.bind(events) },
    changes: [local.changes.bind(local)],
    deletePod(pod, { graceSeconds }) {
      const { terminationGracePeriodSeconds: own } = desiredPod(pod);
      deletePod(pod, { graceSeconds: graceSeconds ?? own });
      return Promise.resolve(true);
    },
  };
}

/** Serves the local API of a run; what prevents that is told, and does not stop the run. */
export async function serveRun(
  node: LocalNode,
  { path, console, signal }: AbortOptions & {
    readonly path: string;
    readonly console: Console;
  },
): Promise<LocalServer | undefined> {
  try {
    return await startLocalServer({ nodes: [node] }, { path, signal });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.event({ name: "farlet run" }, {
      type: "Warning",
      reason: "NoLocalAPI",
      message: error.message,
    });
    return undefined;
  }
}

/** A Node as it would be registered, named after this machine. */
async function describe(
  provider: Provider,
  now: Date,
  options: AbortOptions,
): Promise<Node> {
  const facts = await provider.describeNode(options);
  const object = nodeObject({
    config: {
      name: facts.hostname.toLowerCase(),
      version,
      addresses: ["127.0.0.1"],
      kubeletPort: 0,
      labels: {},
      annotations: {},
      taints: [],
    },
    provider: provider.name,
    facts,
  }, nodeConditions({ kind: "ready" }, [], now));
  const uid = crypto.randomUUID();
  return {
    ...object,
    metadata: { ...object.metadata, uid, creationTimestamp: apiTime(now) },
  };
}

import type { AbortOptions } from "../async/abort.ts";
import type { Event, Pod } from "../k8s/types.ts";
import type { KubeletContext } from "./context.ts";
import type { ChangeSource } from "./local_watch.ts";

/** One node of the agent, as far as local tools may look at it and change it. */
export interface LocalNode extends KubeletContext {
  /** The latest Events of the node and its pods. */
  readonly events: {
    list(): Iterable<Event>;
    readonly changes: ChangeSource;
  };
  /** What says that `pods()` may have changed. */
  readonly changes: readonly ChangeSource[];
  /**
   * Asks for a pod's end, without waiting for it; false when the pod is gone already.
   *
   * @param options.graceSeconds The pod's own unless given; 0 kills at once.
   * @throws {ApiError} When the API server says no.
   */
  deletePod(
    pod: Pod,
    options: AbortOptions & { readonly graceSeconds: number | undefined },
  ): Promise<boolean>;
}

/** What the local API needs of the rest of the agent: its nodes, at least one. */
export interface LocalContext {
  readonly nodes: readonly [LocalNode, ...LocalNode[]];
}

/** The node that has the newest pod of that name; the first one when none has. */
export function nodeOfPod(
  { nodes }: LocalContext,
  namespace: string,
  name: string,
): LocalNode {
  const createdAt = (node: LocalNode) =>
    node.findPod(namespace, name)?.metadata?.creationTimestamp ?? "";
  const [found] = nodes.filter((node) => node.findPod(namespace, name))
    .toSorted((a, b) => createdAt(a) < createdAt(b) ? 1 : -1);
  return found ?? nodes[0];
}

/** All nodes as one kubelet; what concerns a node rather than its pods is that of the first. */
export function joinedContext(context: LocalContext): KubeletContext {
  const { nodes: [first, ...others] } = context;
  if (others.length === 0) return first;
  return {
    ...first,
    findPod: (namespace, name) =>
      nodeOfPod(context, namespace, name).findPod(namespace, name),
    *pods() {
      for (const node of context.nodes) yield* node.pods();
    },
    podsSynced: () =>
      context.nodes.every((node) => node.podsSynced?.() ?? true),
  };
}

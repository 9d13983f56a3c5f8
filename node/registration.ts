import type { AbortOptions } from "../async/abort.ts";
import { getLogger } from "../async/log.ts";
import type { KubeClient } from "../k8s/client.ts";
import { ApiError } from "../k8s/errors.ts";
import { apiPath } from "../k8s/paths.ts";
import type { Node } from "../k8s/types.ts";
import { isOwned, metadataPatch, taintsPatch } from "./ownership.ts";

/**
 * Creates `wanted`, or gives the Node of that name its labels, annotations and taints.
 *
 * What others have set on an existing Node stays; its status and `spec.unschedulable` are not
 * touched. The caller must hold the node's Lease: whose Node it is was decided there.
 *
 * @returns The Node as the API server has it afterwards, and whether there was none before.
 */
export async function registerNode(
  client: KubeClient,
  wanted: Node,
  { signal }: AbortOptions,
): Promise<{ readonly node: Node; readonly isNew: boolean }> {
  const path = apiPath("v1", "nodes", { name: wanted.metadata?.name ?? "" });
  for (let attempt = 1;; attempt++) {
    try {
      const current = await client.get<Node>(path, { signal });
      if (current === undefined) {
        const created = await client.create<Node>(nodesPath, wanted, {
          signal,
        });
        log.info("Created the node", { node: wanted.metadata?.name });
        return { node: created, isNew: true };
      }
      const node = await adopt(client, path, { current, wanted, signal });
      return { node, isNew: false };
    } catch (error) {
      // Someone created or changed the Node between reading and writing.
      const raced = error instanceof ApiError && error.code === 409;
      if (!raced || attempt === maxAttempts) throw error;
    }
  }
}

const nodesPath = apiPath("v1", "nodes", {});

/** As the kubelet's nodeStatusUpdateRetry. */
const maxAttempts = 5;

const log = getLogger("node");

async function adopt(
  client: KubeClient,
  path: string,
  { current, wanted, signal }: AbortOptions & {
    readonly current: Node;
    readonly wanted: Node;
  },
): Promise<Node> {
  const node = wanted.metadata?.name;
  if (!isOwned(current)) {
    log.info("Adopting a node that nobody holds", { node });
  }
  let result = current;
  const taints = taintsPatch(current, wanted);
  if (taints) {
    try {
      result = await client.patch<Node>(path, taints, { signal });
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 403)) throw error;
      // A kubelet's own credentials may set taints only on a Node that they create.
      log.warn(
        "Not allowed to change the node's taints: change them with kubectl taint, or delete the node",
        { node, wanted: wanted.spec?.taints ?? [], error: error.message },
      );
    }
  }
  const metadata = metadataPatch(current, wanted);
  if (metadata) {
    result = await client.patch<Node>(path, metadata, { signal });
  }
  if (taints || metadata) log.info("Updated the node's metadata", { node });
  return result;
}

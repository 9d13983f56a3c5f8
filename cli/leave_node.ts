import type { AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import { delay } from "../async/delay.ts";
import type { KubeClient } from "../k8s/client.ts";
import { ApiError } from "../k8s/errors.ts";
import { apiPath } from "../k8s/paths.ts";
import { type Lease, type Node, objectName, type Pod } from "../k8s/types.ts";
import { leaseHolder } from "../node/lease_record.ts";
import { leasePath } from "../node/lease.ts";
import { hasLeft, leavingAnnotation } from "../node/leaving.ts";
import { isOwned } from "../node/ownership.ts";
import { hasEnded } from "../pods/pod_spec.ts";

/** Options of {@linkcode leaveNode}. */
export interface LeaveOptions extends AbortOptions {
  /** Whether pods that no controller replaces are ended too. */
  readonly force: boolean;
  /** Whether pods are ended whose emptyDir volumes are lost then. */
  readonly deleteEmptyDirData: boolean;
  /** Milliseconds until it is given up. */
  readonly timeout: number;
  /** Told of every step. */
  readonly tell: (line: string) => void;
}

/** How often pods and the Node are looked at while they go. */
const look = 1_000;
/** How long an eviction that a disruption budget forbids waits for the next try, as kubectl's. */
const evictionRetry = 5_000;

/**
 * Takes a node out of the cluster: cordons and drains it, lets its agent remove what it keeps, and
 * deletes the Node and its Lease. Repeatable: goes on where an earlier try has stopped.
 *
 * @throws When the node is not farlet's, no agent runs it, or a pod may not be ended; then nothing
 * but the cordon was changed.
 */
export async function leaveNode(
  client: KubeClient,
  name: string,
  options: LeaveOptions,
): Promise<void> {
  using deadline = new Deadline(options.timeout, options);
  const { signal } = deadline;
  try {
    await leave(client, name, { ...options, signal });
  } catch (error) {
    if (!deadline.expired) throw error;
    throw new Error(
      `Cannot leave node "${name}": not done within the timeout; it stays cordoned, and the same command goes on from there`,
      { cause: error },
    );
  }
}

async function leave(
  client: KubeClient,
  name: string,
  options: LeaveOptions,
): Promise<void> {
  const { tell, signal } = options;
  const path = apiPath("v1", "nodes", { name });
  const node = await client.get<Node>(path, { signal });
  if (node === undefined) throw new Error(`nodes "${name}" not found`);
  if (!isOwned(node)) {
    throw new Error(`Cannot leave node "${name}": it is not one of farlet's`);
  }
  if (!hasLeft(node)) {
    await checkAgent(client, name, { signal });
    const pods = await podsToEvict(client, name, options);
    await client.patch<Node>(path, { spec: { unschedulable: true } }, {
      signal,
    });
    tell(`node/${name} cordoned`);
    for (const pod of pods) await evict(client, pod, options);
    await untilGone(client, pods, options);
    const annotations = { [leavingAnnotation]: "true" };
    await client.patch<Node>(path, { metadata: { annotations } }, { signal });
    tell(`node/${name} drained; its agent removes what it keeps there`);
    await untilLeft(client, path, options);
  }
  const uid = node.metadata?.uid;
  await client.delete(path, {
    ...(uid === undefined ? {} : { uid }),
    signal,
  });
  await client.delete(leasePath(name), { signal });
  tell(`node/${name} deleted`);
}

/** Without an agent nobody would end the pods. */
async function checkAgent(
  client: KubeClient,
  name: string,
  { signal }: AbortOptions,
): Promise<void> {
  const lease = await client.get<Lease>(leasePath(name), { signal });
  const holder = lease === undefined
    ? undefined
    : leaseHolder(lease, new Date());
  if (holder?.kind === "agent") return;
  throw new Error(
    `Cannot leave node "${name}": no agent runs it now; start it ("farlet serve" or "farlet join") and try again, or delete the Node with kubectl and what is on the host by hand`,
  );
}

/** The pods that must go first; @throws when one of them may not be ended. */
async function podsToEvict(
  client: KubeClient,
  name: string,
  { force, deleteEmptyDirData, signal }: LeaveOptions,
): Promise<readonly Pod[]> {
  const { items = [] } = await client.list<Pod>(apiPath("v1", "pods", {}), {
    query: { fieldSelector: `spec.nodeName=${name}` },
    signal,
  });
  const pods = items.filter((pod) => !isOfDaemonSet(pod));
  const lonely = pods.filter((pod) => !hasEnded(pod) && !hasController(pod));
  const filled = pods.filter((pod) => !hasEnded(pod) && usesEmptyDir(pod));
  const problems = [
    ...(force
      ? []
      : lonely.map((pod) =>
        `${
          objectName(pod)
        } has no controller that replaces it (--force ends it)`
      )),
    ...(deleteEmptyDirData
      ? []
      : filled.map((pod) =>
        `${
          objectName(pod)
        } keeps data in an emptyDir (--delete-emptydir-data ends it)`
      )),
  ];
  if (problems.length === 0) return pods;
  throw new Error(`Cannot leave node "${name}": ${problems.join("; ")}`);
}

async function evict(
  client: KubeClient,
  pod: Pod,
  { tell, signal }: LeaveOptions,
): Promise<void> {
  const { name = "", namespace = "default", uid } = pod.metadata ?? {};
  const path = apiPath("v1", "pods", {
    ...{ namespace, name },
    subresource: "eviction",
  });
  for (let told = false;;) {
    try {
      await client.create(path, {
        apiVersion: "policy/v1",
        kind: "Eviction",
        metadata: { name, namespace },
        deleteOptions: { preconditions: { uid } },
      }, { signal });
      tell(`pod/${name} evicted`);
      return;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // Gone, or replaced by another one of its name.
      if (error.code === 404 || error.code === 409) return;
      if (error.code !== 429) throw error;
      if (!told) tell(`pod/${name} waits: ${error.message}`);
      told = true;
      await delay(evictionRetry, { signal });
    }
  }
}

async function untilGone(
  client: KubeClient,
  pods: readonly Pod[],
  { signal }: AbortOptions,
): Promise<void> {
  for (const { metadata } of pods) {
    const { name = "", namespace = "default", uid } = metadata ?? {};
    const path = apiPath("v1", "pods", { namespace, name });
    for (;;) {
      const now = await client.get<Pod>(path, { signal });
      if (now?.metadata?.uid !== uid) break;
      await delay(look, { signal });
    }
  }
}

async function untilLeft(
  client: KubeClient,
  path: string,
  { signal }: AbortOptions,
): Promise<void> {
  for (;;) {
    const node = await client.get<Node>(path, { signal });
    if (node === undefined || hasLeft(node)) return;
    await delay(look, { signal });
  }
}

function isOfDaemonSet({ metadata }: Pod): boolean {
  return metadata?.ownerReferences?.some(({ kind, controller }) =>
    controller === true && kind === "DaemonSet"
  ) ?? false;
}

function hasController({ metadata }: Pod): boolean {
  return metadata?.ownerReferences?.some(({ controller }) => controller) ??
    false;
}

function usesEmptyDir({ spec }: Pod): boolean {
  return spec?.volumes?.some(({ emptyDir }) => emptyDir !== undefined) ?? false;
}

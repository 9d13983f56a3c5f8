import type { AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import { getLogger } from "../async/log.ts";
import type { KubeClient } from "../k8s/client.ts";
import { ApiError, UnreachableError } from "../k8s/errors.ts";
import { apiPath } from "../k8s/paths.ts";
import type { Pod } from "../k8s/types.ts";
import type { LocalPods } from "./local_pods.ts";
import { podIdentity } from "./pod_spec.ts";

const log = getLogger("pods");
/** How long the API server may take before the node acts without it. */
const patience = 5_000;

/**
 * Asks for a pod's end: of the API server, which is the truth; and when that cannot be reached,
 * of this node alone, which then removes the object as soon as it can.
 *
 * Resolves without waiting for the end; with false for a pod whose object is gone already.
 *
 * @param options.graceSeconds The pod's own unless given; 0 kills at once.
 * @throws {ApiError} When the API server says no.
 */
export async function requestDeletion(
  { client, local }: {
    readonly client: Pick<KubeClient, "delete">;
    readonly local: LocalPods;
  },
  pod: Pod,
  { graceSeconds, signal }: AbortOptions & {
    readonly graceSeconds: number | undefined;
  },
): Promise<boolean> {
  const { uid, namespace, name } = podIdentity(pod);
  using deadline = new Deadline(patience, { signal });
  try {
    return await client.delete(apiPath("v1", "pods", { namespace, name }), {
      uid,
      ...(graceSeconds !== undefined && { gracePeriodSeconds: graceSeconds }),
      signal: deadline.signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    // Another pod of that name is there now.
    if (error instanceof ApiError && error.code === 409) return false;
    if (!deadline.expired && !isAway(error)) throw error;
    log.warn("Deleting a pod without the API server", {
      namespace,
      name,
      error,
    });
    const ownSeconds = pod.spec?.terminationGracePeriodSeconds ?? 30;
    local.delete(uid, graceSeconds ?? ownSeconds);
    return true;
  }
}

/** Out of reach, or there without its storage. */
function isAway(error: unknown): boolean {
  return error instanceof UnreachableError ||
    (error instanceof ApiError && error.code >= 500);
}

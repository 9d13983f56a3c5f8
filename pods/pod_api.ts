import type { AbortOptions } from "../async/abort.ts";
import type { KubeClient } from "../k8s/client.ts";
import { ApiError } from "../k8s/errors.ts";
import { apiPath } from "../k8s/paths.ts";
import type { Pod } from "../k8s/types.ts";
import { podIdentity } from "./pod_spec.ts";
import type { StatusPatch } from "./status_patch.ts";

/** What the controller writes to the API. */
export interface PodApi {
  /** Patches the status; undefined when this pod (by UID) is gone. */
  patchStatus(
    pod: Pod,
    patch: StatusPatch,
    options: AbortOptions,
  ): Promise<Pod | undefined>;
  /** Removes the object of a pod that was stopped; nothing when it is gone. */
  removePod(pod: Pod, options: AbortOptions): Promise<void>;
}

/** The API server's pods, written with UID preconditions: never another pod of the same name. */
export function podApi(client: KubeClient): PodApi {
  return {
    async patchStatus(pod, status, options) {
      const { uid, namespace, name } = podIdentity(pod);
      const path = apiPath("v1", "pods", {
        namespace,
        name,
        subresource: "status",
      });
      try {
        return await client.patch<Pod>(
          path,
          { metadata: { uid }, status },
          options,
        );
      } catch (error) {
        if (isGone(error, uid)) return undefined;
        throw error;
      }
    },
    async removePod(pod, options) {
      const { uid, namespace, name } = podIdentity(pod);
      const path = apiPath("v1", "pods", { namespace, name });
      try {
        await client.delete(path, { ...options, gracePeriodSeconds: 0, uid });
      } catch (error) {
        if (!isGone(error, uid)) throw error;
      }
    },
  };
}

/** Not there any more, or another pod of the same name is: its UID does not match. */
function isGone(error: unknown, uid: string): boolean {
  if (!(error instanceof ApiError)) return false;
  return error.code === 404 ||
    (error.code === 409 && error.message.includes(uid));
}

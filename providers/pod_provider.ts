import type { AbortOptions } from "../async/abort.ts";
import type { Pod, PodStatus } from "../k8s/types.ts";
import type {
  ContainerAccess,
  ContainerRef,
  LogOptions,
  PodIdentity,
} from "./runtime.ts";

/** Options of {@linkcode PodProvider.deletePod}. */
export interface DeletionOptions extends AbortOptions {
  readonly graceSeconds: number;
  /**
   * The pod as it was last heard of, for one that this provider may not have been told of: it was
   * asked to end before a restart. Undefined when nobody knows it.
   */
  readonly pod?: Pod;
}

/**
 * Takes whole pods: the contract of Virtual Kubelet, keyed by UID.
 *
 * For back ends that have pods of their own. One that runs containers implements
 * `ContainerRuntime` instead and gets restart policies, volumes, backoff and statuses from farlet.
 * Calls for one pod never overlap, except that `deletePod` may be called again with less grace.
 * Every call is safe to repeat. Methods that a provider may lack are optional: their absence is
 * the capability flag.
 */
export interface PodProvider extends ContainerAccess {
  /**
   * Takes the pod on. Resolves once it is accepted, not when it runs.
   *
   * After a restart, pods that have ended (`status.phase` is Succeeded or Failed) are given too:
   * nothing of them may run, and what still does must be stopped.
   */
  createPod(pod: Pod, options: AbortOptions): Promise<void>;
  /** Takes a newer version of a pod that was created before. */
  updatePod(pod: Pod, options: AbortOptions): Promise<void>;
  /**
   * Stops the pod within `graceSeconds` and removes everything of it.
   *
   * Resolves when nothing of it runs any more, with the last status, or undefined for a pod that
   * is not here.
   */
  deletePod(
    uid: string,
    options: DeletionOptions,
  ): Promise<PodStatus | undefined>;
  /** The pod's status now, or undefined for a pod that is not here. */
  getPodStatus(
    uid: string,
    options: AbortOptions,
  ): Promise<PodStatus | undefined>;
  /** Every pod that is here, wanted or not. */
  listPods(options: AbortOptions): Promise<readonly PodIdentity[]>;
  /** Says which pod's status may have changed, never how. Ends on abort. */
  changes(options: AbortOptions): AsyncIterable<string>;

  /** The log of a container; see `ContainerRuntime`. */
  readLogs?(
    ref: ContainerRef,
    options: LogOptions & AbortOptions,
  ): ReadableStream<Uint8Array>;
}

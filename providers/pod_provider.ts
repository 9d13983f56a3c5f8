import type { AbortOptions } from "../async/abort.ts";
import type { Pod, PodStatus } from "../k8s/types.ts";
import type {
  ContainerRef,
  ContainerSample,
  LogOptions,
  PodIdentity,
  ProcessStreams,
} from "./runtime.ts";

/**
 * Takes whole pods: the contract of Virtual Kubelet, keyed by UID.
 *
 * For back ends that have pods of their own. One that runs containers implements
 * `ContainerRuntime` instead and gets restart policies, volumes, backoff and statuses from farlet.
 * Calls for one pod never overlap, except that `deletePod` may be called again with less grace.
 * Every call is safe to repeat. Methods that a provider may lack are optional: their absence is
 * the capability flag.
 */
export interface PodProvider {
  /** Takes the pod on. Resolves once it is accepted, not when it runs. */
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
    options: AbortOptions & { readonly graceSeconds: number },
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

  readLogs?(
    ref: ContainerRef,
    options: LogOptions & AbortOptions,
  ): ReadableStream<Uint8Array>;
  exec?(
    ref: ContainerRef,
    command: readonly string[],
    options: ProcessStreams & AbortOptions,
  ): Promise<number>;
  attach?(
    ref: ContainerRef,
    options: ProcessStreams & AbortOptions,
  ): Promise<void>;
  stats?(options: AbortOptions): Promise<readonly ContainerSample[]>;
}

import { isDeepStrictEqual } from "node:util";
import type { AbortOptions } from "../async/abort.ts";
import { ChangeFeed } from "../async/change_feed.ts";
import { apiTime } from "../k8s/time.ts";
import type { Pod, PodStatus } from "../k8s/types.ts";
import { mergedStatus } from "./status_patch.ts";

/** A pod's end that was asked for here, and that the API server has not heard of yet. */
export interface LocalDeletion {
  readonly graceSeconds: number;
  readonly at: Date;
  /** Whether nothing of the pod is left but its object. */
  readonly ended: boolean;
}

/**
 * What the node knows of its pods before the API server does: how they are now, and which of them
 * must end. By UID.
 */
export class LocalPods {
  readonly #statuses = new Map<string, PodStatus>();
  readonly #deletions = new Map<string, LocalDeletion>();
  readonly #changes = new ChangeFeed<string>();
  readonly #asked = new ChangeFeed<string>();

  /** Keeps what the provider last said of a pod. */
  setStatus(uid: string, status: PodStatus): void {
    if (isDeepStrictEqual(this.#statuses.get(uid), status)) return;
    this.#statuses.set(uid, status);
    this.#changes.notify(uid);
  }

  /** Asks for the pod's end; with less grace than before, sooner. */
  delete(uid: string, graceSeconds: number): void {
    const known = this.#deletions.get(uid);
    if (known !== undefined && known.graceSeconds <= graceSeconds) return;
    const deletion = { at: new Date(), ended: false, ...known, graceSeconds };
    this.#deletions.set(uid, deletion);
    this.#asked.notify(uid);
    this.#changes.notify(uid);
  }

  /** The end that was asked for; undefined if none was. */
  deletion(uid: string): LocalDeletion | undefined {
    return this.#deletions.get(uid);
  }

  /** Says that nothing of the pod is left here. */
  ended(uid: string): void {
    const deletion = this.#deletions.get(uid);
    if (deletion === undefined) return;
    this.#deletions.set(uid, { ...deletion, ended: true });
    this.#changes.notify(uid);
  }

  /** Forgets a pod whose object is gone too. */
  forget(uid: string): void {
    const known = [
      this.#statuses.delete(uid),
      this.#deletions.delete(uid),
    ];
    if (known.includes(true)) this.#changes.notify(uid);
  }

  /** The pod as it is now; undefined once it has ended because that was asked for here. */
  view(pod: Pod): Pod | undefined {
    const uid = pod.metadata?.uid ?? "";
    const deletion = this.#deletions.get(uid);
    if (deletion?.ended) return undefined;
    const status = this.#statuses.get(uid);
    const now = status === undefined
      ? pod
      : { ...pod, status: mergedStatus(pod.status, status) };
    return deletion === undefined ? now : terminating(now, deletion);
  }

  /** UIDs of pods that may look different now. Ends on abort. */
  changes(options: AbortOptions): AsyncIterable<string> {
    return this.#changes.changes(options);
  }

  /** UIDs of pods whose end was asked for; those known first. Ends on abort. */
  deletions(options: AbortOptions): AsyncIterable<string> {
    return this.#asked.changes(options, () => this.#deletions.keys());
  }
}

/** As the API server marks a pod that is being deleted. */
function terminating(
  { metadata, ...pod }: Pod,
  { at, graceSeconds }: LocalDeletion,
): Pod {
  if (metadata?.deletionTimestamp !== undefined) return { metadata, ...pod };
  const end = new Date(at.getTime() + graceSeconds * 1000);
  return {
    ...pod,
    metadata: {
      ...metadata,
      deletionTimestamp: apiTime(end),
      deletionGracePeriodSeconds: graceSeconds,
    },
  };
}

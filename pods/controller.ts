import { isDeepStrictEqual } from "node:util";
import type { AbortOptions } from "../async/abort.ts";
import { type Backoff, backoffDelay } from "../async/backoff.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import { TaskGroup } from "../async/task_group.ts";
import { WorkQueue } from "../async/work_queue.ts";
import { UnreachableError } from "../k8s/errors.ts";
import type { Pod, PodStatus } from "../k8s/types.ts";
import type { PodProvider } from "../providers/pod_provider.ts";
import { LocalPods } from "./local_pods.ts";
import type { PodApi } from "./pod_api.ts";
import { hasEnded, podIdentity } from "./pod_spec.ts";
import { statusPatch } from "./status_patch.ts";
import { isUnreachable } from "./unreachable.ts";

/** The pods bound to this node, by UID, as the API server last told. */
export interface PodStore {
  get(uid: string): Pod | undefined;
  list(): Iterable<Pod>;
  /** UIDs that may have changed; those known first. */
  changes(options: AbortOptions): AsyncIterable<string>;
  /** Resolves when the API server was listed at least once. */
  synced(options: AbortOptions): Promise<void>;
}

/** What {@linkcode runPods} works with. */
export interface PodsContext {
  readonly store: PodStore;
  readonly provider: PodProvider;
  readonly api: PodApi;
  /** Told how pods are, and asked which of them must end whatever the API server says. */
  readonly local?: LocalPods;
  /** How long an unknown pod is left alone after the first list, in milliseconds. */
  readonly orphanGrace?: number;
  /**
   * A pod that will run within so many milliseconds is not first published as Pending; 100 unless
   * given.
   */
  readonly settle?: number;
}

const log = getLogger("pods");
const concurrency = 32;
const syncBackoff: Backoff = { base: 1_000, cap: 60_000 };
/** What an API server that is away has missed is told soon after its return. */
const awayBackoff: Backoff = { base: 1_000, cap: 8_000 };

/** Brings the pods of the API server to the provider and their status back, until aborted. */
export async function runPods(
  context: PodsContext,
  { signal }: AbortOptions,
): Promise<void> {
  await using group = new TaskGroup(signal);
  const controller = new PodController(context, group);
  group.spawn((signal) => controller.run({ signal }));
  await group.join();
}

interface Tracked {
  readonly seenAt: number;
  /** The newest version known: from the store, or from our own last write. */
  newest: Pod;
  /** The version that the provider has. */
  sent?: Pod;
  deletion?: { graceSeconds: number };
  /** How the pod ended, once it was stopped for its deletion. */
  lastStatus?: PodStatus | undefined;
  /** Whether the object was removed from the API and only finalizers can still hold it. */
  removed: boolean;
}

/** Brings the pods of the API server to the provider and their status back. */
class PodController {
  readonly #context: PodsContext;
  readonly #local: LocalPods;
  readonly #group: TaskGroup;
  readonly #queue = new WorkQueue<string>();
  readonly #tracked = new Map<string, Tracked>();
  readonly #failures = new Map<string, number>();

  constructor(context: PodsContext, group: TaskGroup) {
    this.#context = context;
    this.#local = context.local ?? new LocalPods();
    this.#group = group;
  }

  async run({ signal }: AbortOptions): Promise<void> {
    const { store, provider } = this.#context;
    await store.synced({ signal });
    for (const pod of admissionOrder(store.list())) {
      this.#queue.add(podIdentity(pod).uid);
    }
    const sources = [
      store.changes.bind(store),
      provider.changes.bind(provider),
      this.#local.deletions.bind(this.#local),
    ];
    for (const changes of sources) {
      this.#group.spawn(async (signal) => {
        for await (const uid of changes({ signal })) this.#queue.add(uid);
      });
    }
    this.#group.spawn((signal) => this.#removeOrphans({ signal }));
    await this.#queue.run((uid) => this.#sync(uid, { signal }), {
      concurrency,
      signal,
    });
  }

  async #sync(uid: string, options: AbortOptions): Promise<void> {
    try {
      await this.#syncPod(uid, options);
      // What works for one may work for all again.
      if (!this.#failures.delete(uid)) return;
      for (const other of this.#failures.keys()) this.#queue.add(other);
    } catch (error) {
      if (options.signal.aborted) return;
      this.#retry(uid, "Cannot sync pod with the API server", error);
    }
  }

  async #syncPod(uid: string, options: AbortOptions): Promise<void> {
    const pod = this.#context.store.get(uid);
    const tracked = this.#track(uid, pod);
    if (tracked === undefined) return;
    if (pod === undefined) return this.#gone(uid, tracked);
    const isDeleted = pod.metadata?.deletionTimestamp !== undefined;
    if (isDeleted || this.#local.deletion(uid) !== undefined) {
      this.#delete(uid, tracked);
    } else {
      await this.#send(pod, tracked, options);
    }
    const { provider } = this.#context;
    const status = await provider.getPodStatus(uid, options);
    if (status === undefined || tracked.removed) return;
    this.#local.setStatus(uid, status);
    const wait = this.#untilSettled(tracked, status);
    if (wait > 0) this.#queue.add(uid, { after: wait });
    else await this.#publish(tracked, status, options);
  }

  /** Gives the pod to the provider, once for every version that makes a difference. */
  async #send(
    pod: Pod,
    tracked: Tracked,
    options: AbortOptions,
  ): Promise<void> {
    const { provider } = this.#context;
    const { sent } = tracked;
    if (sent && isDeepStrictEqual(wanted(sent), wanted(pod))) return;
    if (sent === undefined) await provider.createPod(pod, options);
    else await provider.updatePod(pod, options);
    tracked.sent = pod;
  }

  /** What is known of a pod; undefined for one that the API never told us of. */
  #track(uid: string, pod: Pod | undefined): Tracked | undefined {
    const known = this.#tracked.get(uid);
    if (pod === undefined || known !== undefined) {
      if (known && pod && isNewer(pod, known.newest)) known.newest = pod;
      return known;
    }
    const tracked = { seenAt: Date.now(), newest: pod, removed: false };
    this.#tracked.set(uid, tracked);
    return tracked;
  }

  async #publish(
    tracked: Tracked,
    status: PodStatus,
    options: AbortOptions,
  ): Promise<void> {
    const patch = statusPatch(tracked.newest.status, status);
    if (patch === undefined) return;
    const patched = await this.#context.api.patchStatus(
      tracked.newest,
      patch,
      options,
    );
    if (patched !== undefined) tracked.newest = patched;
  }

  #untilSettled({ newest, seenAt }: Tracked, status: PodStatus): number {
    const isNew = (newest.status?.phase ?? "Pending") === "Pending" &&
      newest.metadata?.deletionTimestamp === undefined;
    if (!isNew || status.phase !== "Pending") return 0;
    const { settle = 100 } = this.#context;
    return Math.max(0, seenAt + settle - Date.now());
  }

  /** The object is gone: with our own removal all is done, without it the pod must be ended. */
  #gone(uid: string, tracked: Tracked): void {
    if (tracked.removed) this.#forget(uid);
    else this.#delete(uid, tracked);
  }

  /** Ends the pod in the background: it may take the whole grace period. */
  #delete(uid: string, tracked: Tracked): void {
    const graceSeconds = this.#deletionGrace(uid, tracked.newest);
    if (tracked.deletion && tracked.deletion.graceSeconds <= graceSeconds) {
      return;
    }
    const deletion = { graceSeconds };
    tracked.deletion = deletion;
    this.#group.spawn(async (signal) => {
      try {
        const { provider } = this.#context;
        const options = { graceSeconds, pod: tracked.newest, signal };
        const status = await provider.deletePod(uid, options);
        // Told once: what cannot be published now is published at the next try.
        tracked.lastStatus = status ?? tracked.lastStatus;
        this.#local.ended(uid);
        await this.#remove(uid, tracked, { signal });
        this.#failures.delete(uid);
      } catch (error) {
        if (signal.aborted) return;
        if (tracked.deletion === deletion) delete tracked.deletion;
        this.#retry(uid, "Cannot delete pod", error);
      }
    });
  }

  /** Says how the pod ended, then removes its object: in that order, so that all can see it. */
  async #remove(
    uid: string,
    tracked: Tracked,
    options: AbortOptions,
  ): Promise<void> {
    const { store, api } = this.#context;
    if (store.get(uid) !== undefined && !tracked.removed) {
      const { lastStatus } = tracked;
      if (lastStatus) await this.#publish(tracked, lastStatus, options);
      await api.removePod(tracked.newest, options);
      tracked.removed = true;
    }
    if (store.get(uid) === undefined) this.#forget(uid);
    else this.#queue.add(uid);
  }

  #forget(uid: string): void {
    this.#tracked.delete(uid);
    this.#local.forget(uid);
  }

  /** The shortest that was asked for, or the pod's own when its object vanished without one. */
  #deletionGrace(uid: string, { metadata, spec }: Pod): number {
    const asked = [
      metadata?.deletionGracePeriodSeconds,
      this.#local.deletion(uid)?.graceSeconds,
    ].filter((seconds) => seconds !== undefined);
    if (asked.length > 0) return Math.min(...asked);
    return spec?.terminationGracePeriodSeconds ?? defaultGraceSeconds;
  }

  /**
   * Ends what the provider has and the API server does not know: pods that were deleted while no
   * agent ran. Only what stayed unknown for a grace time after a fresh list.
   */
  async #removeOrphans(options: AbortOptions): Promise<void> {
    const { store, provider, orphanGrace = 30_000 } = this.#context;
    const since = new Map<string, number>();
    while (!options.signal.aborted) {
      try {
        const unknown = (await provider.listPods(options)).filter(({ uid }) =>
          store.get(uid) === undefined && !this.#tracked.has(uid)
        );
        const due = unknown.filter(({ uid }) => {
          const first = since.get(uid) ?? Date.now();
          since.set(uid, first);
          return Date.now() - first >= orphanGrace;
        });
        // At once: each may take all of its grace time.
        const removals = due.map((orphan) => {
          log.warn("Removing a pod that the API server does not know", {
            ...orphan,
          });
          const graceSeconds = defaultGraceSeconds;
          return provider.deletePod(orphan.uid, { ...options, graceSeconds });
        });
        for (const removal of await Promise.allSettled(removals)) {
          if (removal.status === "rejected") throw removal.reason;
        }
      } catch (error) {
        options.signal.throwIfAborted();
        const message = "Cannot look for pods that nobody wants";
        if (isUnreachable(error)) log.debug(message, { error });
        else log.warn(message, { error });
      }
      await delay(orphanGrace + 1, options);
    }
  }

  #retry(uid: string, message: string, error: unknown): void {
    const failures = (this.#failures.get(uid) ?? 0) + 1;
    this.#failures.set(uid, failures);
    const pod = this.#tracked.get(uid)?.newest;
    log.warn(message, { ...(pod && podIdentity(pod)), failures, error });
    const backoff = error instanceof UnreachableError
      ? awayBackoff
      : syncBackoff;
    this.#queue.add(uid, { after: backoffDelay(failures, backoff) });
  }
}

const defaultGraceSeconds = 30;

/** Those that a node has taken on before, then the others, the oldest first as in the kubelet. */
function admissionOrder(pods: Iterable<Pod>): readonly Pod[] {
  const isNew = ({ status }: Pod) => status?.startTime === undefined ? 1 : 0;
  const createdAt = ({ metadata }: Pod) => metadata?.creationTimestamp ?? "";
  return [...pods].toSorted((a, b) =>
    isNew(a) - isNew(b) || (createdAt(a) < createdAt(b) ? -1 : 1)
  );
}

/** What a provider acts on: everything but what it reported itself. */
function wanted(pod: Pod): unknown {
  const { metadata, spec, status } = pod;
  return {
    spec,
    labels: metadata?.labels,
    annotations: metadata?.annotations,
    ended: hasEnded(pod),
    gates: (spec?.readinessGates ?? []).map(({ conditionType }) =>
      status?.conditions?.find(({ type }) => type === conditionType)?.status
    ),
  };
}

/** Resource versions are comparable numbers (KEP-5504). */
function isNewer(pod: Pod, than: Pod): boolean {
  return Number(pod.metadata?.resourceVersion ?? 0) >=
    Number(than.metadata?.resourceVersion ?? 0);
}

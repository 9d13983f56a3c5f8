import { isDeepStrictEqual } from "node:util";
import { abortable, type AbortOptions } from "../async/abort.ts";
import { ChangeFeed } from "../async/change_feed.ts";
import { Deadline } from "../async/deadline.ts";
import { getLogger } from "../async/log.ts";
import { TaskGroup } from "../async/task_group.ts";
import { WorkQueue } from "../async/work_queue.ts";
import { type Backoff, backoffDelay } from "../async/backoff.ts";
import type { Pod, PodStatus } from "../k8s/types.ts";
import type {
  DeletionOptions,
  PodProvider,
} from "../providers/pod_provider.ts";
import type {
  ContainerRef,
  ContainerRuntime,
  LogOptions,
  PodIdentity,
} from "../providers/runtime.ts";
import type { PodFailure } from "./plan.ts";
import { AdmittedPods } from "./admitted_pods.ts";
import { ImagePulls } from "./image_pulls.ts";
import type { EngineContext, SyncContext } from "./pod_actions.ts";
import { PodSync } from "./pod_sync.ts";
import { podIdentity } from "./pod_spec.ts";
import { Preemptor } from "./preemptor.ts";
import { StopGraces } from "./stop_graces.ts";
import { isUnreachable, unreachableRetry } from "./unreachable.ts";

const log = getLogger("pods");
const syncBackoff: Backoff = { base: 1_000, cap: 60_000 };
const concurrency = 32;

/**
 * Runs whole pods on a runtime that knows only containers: the kubelet's semantics, once for all
 * providers. Observe, plan, act, report; one sync of a pod at a time.
 */
export class PodEngine implements PodProvider {
  readonly #context: SyncContext;
  readonly #runtime: ContainerRuntime;
  readonly #pods = new Map<string, PodSync>();
  readonly #queue = new WorkQueue<string>();
  readonly #feed = new ChangeFeed<string>();
  readonly #failures = new Map<string, number>();
  /** Pods whose runtime could not be reached when they were looked at last. */
  readonly #unreachable = new Set<string>();
  /** Resolved when the runtime says that anything may have changed. */
  #news = Promise.withResolvers<void>();

  readonly exec?: NonNullable<PodProvider["exec"]>;
  readonly attach?: NonNullable<PodProvider["attach"]>;
  readonly portForward?: NonNullable<PodProvider["portForward"]>;
  readonly stats?: NonNullable<PodProvider["stats"]>;

  constructor(context: EngineContext) {
    const { runtime } = context;
    const admitted = new AdmittedPods((uid) => this.#queue.add(uid));
    this.#context = {
      ...context,
      pulls: new ImagePulls(runtime),
      admitted,
      preemptor: new Preemptor({
        events: context.events,
        running: () => this.#placed(admitted),
        end: (uid, failure) => this.evict(uid, failure),
      }),
    };
    this.#runtime = runtime;
    // A capability of the runtime is one of the engine, and of nothing else.
    if (runtime.exec) this.exec = runtime.exec.bind(runtime);
    if (runtime.attach) this.attach = runtime.attach.bind(runtime);
    if (runtime.portForward) {
      this.portForward = runtime.portForward.bind(runtime);
    }
    if (runtime.stats) this.stats = runtime.stats.bind(runtime);
  }

  /** Keeps every pod on its way to what was asked, until aborted. */
  async run({ signal }: AbortOptions): Promise<void> {
    await using group = new TaskGroup(signal);
    group.spawn(async (signal) => {
      for await (const uid of this.#runtime.changes({ signal })) {
        if (this.#pods.has(uid)) this.#queue.add(uid);
        this.#resume();
      }
    });
    group.spawn(async (signal) => {
      for await (const uid of this.#context.objects.changes({ signal })) {
        this.#pods.get(uid)?.objectsChanged();
        if (this.#pods.has(uid)) this.#queue.add(uid);
      }
    });
    group.spawn((signal) =>
      this.#queue.run((uid) => this.#sync(uid, group, signal), {
        concurrency,
        signal,
      })
    );
    await group.join();
  }

  createPod(pod: Pod, _options: AbortOptions): Promise<void> {
    const { uid } = podIdentity(pod);
    const known = this.#pods.get(uid);
    if (known === undefined) {
      this.#pods.set(uid, new PodSync(pod, this.#context));
    } else {
      known.update(pod);
    }
    this.#queue.add(uid);
    return Promise.resolve();
  }

  updatePod(pod: Pod, options: AbortOptions): Promise<void> {
    return this.createPod(pod, options);
  }

  async deletePod(
    uid: string,
    { graceSeconds, pod, signal }: DeletionOptions,
  ): Promise<PodStatus | undefined> {
    const known = this.#pods.get(uid) ??
      (pod && new PodSync(pod, this.#context));
    if (known === undefined) {
      await this.#removeUnknown(uid, graceSeconds, { signal });
      return undefined;
    }
    this.#pods.set(uid, known);
    const deleted = known.delete(graceSeconds);
    this.#queue.add(uid);
    return await abortable(deleted, { signal });
  }

  getPodStatus(
    uid: string,
    _options: AbortOptions,
  ): Promise<PodStatus | undefined> {
    // While nobody can know how the pod is, what others say of it stands.
    if (this.#unreachable.has(uid)) return Promise.resolve(undefined);
    return Promise.resolve(this.#pods.get(uid)?.status);
  }

  async listPods(options: AbortOptions): Promise<readonly PodIdentity[]> {
    const here = await this.#runtime.listPods(options);
    const uids = new Set(here.map(({ uid }) => uid));
    const others = [...this.#pods.values()].map(({ identity }) => identity)
      .filter(({ uid }) => !uids.has(uid));
    return [...here, ...others];
  }

  changes(options: AbortOptions): AsyncIterable<string> {
    return this.#feed.changes(options, () => this.#pods.keys());
  }

  /** The pods that have not ended and that nobody has asked to end. */
  *active(): Generator<Pod> {
    for (const pod of this.#pods.values()) if (pod.isActive) yield pod.pod;
  }

  /** The pods that have not ended, also those that somebody has asked to. */
  *unfinished(): Generator<Pod> {
    for (const pod of this.#pods.values()) if (!pod.hasEnded) yield pod.pod;
  }

  /** Ends a pod as failed, for a reason of the node's. */
  evict(uid: string, failure: PodFailure): void {
    this.#pods.get(uid)?.fail(failure);
    if (this.#pods.has(uid)) this.#queue.add(uid);
  }

  /** Whether nothing of a pod runs any more, and what it had on the disk is gone. */
  isOver(uid: string): boolean {
    return this.#pods.get(uid)?.isOver ?? true;
  }

  readLogs(
    ref: ContainerRef,
    options: LogOptions & AbortOptions,
  ): ReadableStream<Uint8Array> {
    return this.#runtime.readLogs(ref, options);
  }

  *#placed(admitted: AdmittedPods): Generator<Pod> {
    for (const pod of this.active()) {
      if (admitted.has(podIdentity(pod).uid)) yield pod;
    }
  }

  async #sync(
    uid: string,
    group: TaskGroup,
    signal: AbortSignal,
  ): Promise<void> {
    const pod = this.#pods.get(uid);
    if (pod === undefined) return;
    const before = pod.status;
    let reported = false;
    const report = () => {
      reported = true;
      this.#feed.notify(uid);
    };
    const retry = (options = {}) => this.#queue.add(uid, options);
    try {
      const next = await pod.sync({ group, report, retry, signal });
      this.#failures.delete(uid);
      const isBack = this.#unreachable.delete(uid);
      if (next.kind === "gone") this.#pods.delete(uid);
      else if (next.after !== undefined) this.#queue.add(uid, next);
      // What was said in the middle of the sync may have been something else.
      if (isBack || reported || !isDeepStrictEqual(before, pod.status)) {
        report();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isUnreachable(error)) return this.#postpone(uid, error);
      const failures = (this.#failures.get(uid) ?? 0) + 1;
      this.#failures.set(uid, failures);
      log.error("Cannot sync pod", { ...pod.identity, failures, error });
      this.#queue.add(uid, { after: backoffDelay(failures, syncBackoff) });
    }
  }

  /** Looks again at what waits until the runtime can be reached: it has just said something. */
  #resume(): void {
    for (const uid of this.#unreachable) this.#queue.add(uid);
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /** Leaves a pod alone until the runtime can be reached: that is no failure of the pod. */
  #postpone(uid: string, error: unknown): void {
    if (this.#unreachable.size === 0) {
      log.debug("Pods wait until the runtime can be reached", { error });
    }
    this.#unreachable.add(uid);
    this.#queue.add(uid, { after: unreachableRetry });
  }

  /** Ends a pod that the runtime has and nobody told the engine of, once it can be reached. */
  async #removeUnknown(
    uid: string,
    graceSeconds: number,
    { signal }: AbortOptions,
  ): Promise<void> {
    const graces = new StopGraces();
    for (;;) {
      try {
        return await this.#tryRemove(uid, graces, { graceSeconds, signal });
      } catch (error) {
        if (signal.aborted || !isUnreachable(error)) throw error;
        log.debug("A pod's end waits until the runtime can be reached", {
          uid,
          error,
        });
        await this.#untilNews({ signal });
      }
    }
  }

  async #untilNews({ signal }: AbortOptions): Promise<void> {
    using patience = new Deadline(unreachableRetry, { signal });
    try {
      await abortable(this.#news.promise, patience);
    } catch (error) {
      if (!patience.expired) throw error;
    }
  }

  async #tryRemove(
    uid: string,
    graces: StopGraces,
    options: AbortOptions & { readonly graceSeconds: number },
  ): Promise<void> {
    const observed = await this.#runtime.observe(uid, options);
    if (observed.sandbox === "absent" && observed.containers.length === 0) {
      return;
    }
    const running = observed.containers.filter(({ state }) =>
      state.kind === "running"
    );
    await Promise.all(
      running.map(({ name }) =>
        this.#runtime.stopContainer({ podUid: uid, container: name }, {
          ...options,
          graceSeconds: graces.left(name, options.graceSeconds),
        })
      ),
    );
    await this.#runtime.removeSandbox(uid, options);
    this.#context.objects.release(uid);
  }
}

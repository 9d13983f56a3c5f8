import { isDeepStrictEqual } from "node:util";
import { abortable, type AbortOptions } from "../async/abort.ts";
import { ChangeFeed } from "../async/change_feed.ts";
import { getLogger } from "../async/log.ts";
import { TaskGroup } from "../async/task_group.ts";
import { WorkQueue } from "../async/work_queue.ts";
import { type Backoff, backoffDelay } from "../async/backoff.ts";
import type { Pod, PodStatus } from "../k8s/types.ts";
import type { PodProvider } from "../providers/pod_provider.ts";
import type {
  ContainerRef,
  ContainerRuntime,
  LogOptions,
  ObservedPod,
  PodIdentity,
} from "../providers/runtime.ts";
import type { EngineContext } from "./pod_actions.ts";
import { PodSync } from "./pod_sync.ts";
import { podIdentity } from "./pod_spec.ts";
import { planDeletion } from "./plan.ts";

const log = getLogger("pods");
const syncBackoff: Backoff = { base: 1_000, cap: 60_000 };
const concurrency = 32;

/**
 * Runs whole pods on a runtime that knows only containers: the kubelet's semantics, once for all
 * providers. Observe, plan, act, report; one sync of a pod at a time.
 */
export class PodEngine implements PodProvider {
  readonly #context: EngineContext;
  readonly #runtime: ContainerRuntime;
  readonly #pods = new Map<string, PodSync>();
  readonly #queue = new WorkQueue<string>();
  readonly #feed = new ChangeFeed<string>();
  readonly #failures = new Map<string, number>();

  readonly exec?: NonNullable<PodProvider["exec"]>;
  readonly attach?: NonNullable<PodProvider["attach"]>;
  readonly portForward?: NonNullable<PodProvider["portForward"]>;
  readonly stats?: NonNullable<PodProvider["stats"]>;

  constructor(context: EngineContext) {
    const { runtime } = context;
    this.#context = context;
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
    { graceSeconds, signal }: AbortOptions & { readonly graceSeconds: number },
  ): Promise<PodStatus | undefined> {
    const known = this.#pods.get(uid);
    if (known === undefined) {
      await this.#removeUnknown(uid, graceSeconds, { signal });
      return undefined;
    }
    const deleted = known.delete(graceSeconds);
    this.#queue.add(uid);
    return await abortable(deleted, { signal });
  }

  getPodStatus(
    uid: string,
    _options: AbortOptions,
  ): Promise<PodStatus | undefined> {
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

  readLogs(
    ref: ContainerRef,
    options: LogOptions & AbortOptions,
  ): ReadableStream<Uint8Array> {
    return this.#runtime.readLogs(ref, options);
  }

  async #sync(
    uid: string,
    group: TaskGroup,
    signal: AbortSignal,
  ): Promise<void> {
    const pod = this.#pods.get(uid);
    if (pod === undefined) return;
    const before = pod.status;
    const report = () => this.#feed.notify(uid);
    const retry = (options = {}) => this.#queue.add(uid, options);
    try {
      const next = await pod.sync({ group, report, retry, signal });
      this.#failures.delete(uid);
      if (next.kind === "gone") this.#pods.delete(uid);
      else if (next.after !== undefined) this.#queue.add(uid, next);
      if (!isDeepStrictEqual(before, pod.status)) report();
    } catch (error) {
      if (signal.aborted) return;
      const failures = (this.#failures.get(uid) ?? 0) + 1;
      this.#failures.set(uid, failures);
      log.error("Cannot sync pod", { ...pod.identity, failures, error });
      this.#queue.add(uid, { after: backoffDelay(failures, syncBackoff) });
    }
  }

  /** Ends a pod that the runtime has and nobody told the engine of. */
  async #removeUnknown(
    uid: string,
    graceSeconds: number,
    options: AbortOptions,
  ): Promise<void> {
    const observed = await this.#runtime.observe(uid, options);
    if (observed.sandbox === "absent" && observed.containers.length === 0) {
      return;
    }
    await this.#stopAll(observed, graceSeconds, options);
    await this.#runtime.removeSandbox(uid, options);
    this.#context.objects.release(uid);
  }

  async #stopAll(
    observed: ObservedPod,
    graceSeconds: number,
    options: AbortOptions,
  ): Promise<void> {
    const stops = planDeletion(observed, { graceSeconds });
    await Promise.all(
      stops.map((action) =>
        action.kind === "stopContainer"
          ? this.#runtime.stopContainer({
            podUid: observed.uid,
            container: action.container,
          }, { ...options, graceSeconds })
          : undefined
      ),
    );
  }
}

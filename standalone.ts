import { type AbortOptions, untilAborted } from "./async/abort.ts";
import { ConfigError } from "./async/config_error.ts";
import { TaskGroup } from "./async/task_group.ts";
import { RecentEvents } from "./k8s/recent_events.ts";
import {
  type ContainerStatus,
  objectName,
  type Pod,
  type PodStatus,
} from "./k8s/types.ts";
import { type Manifests, readManifests } from "./manifests.ts";
import { nodeResources } from "./node/node_object.ts";
import { PodEngine } from "./pods/engine.ts";
import { defaultEviction } from "./pods/eviction_thresholds.ts";
import { Evictor } from "./pods/evictor.ts";
import { FileObjects } from "./pods/file_objects.ts";
import { LocalPods } from "./pods/local_pods.ts";
import { podRefusals } from "./pods/pod_actions.ts";
import { desiredPod, podIdentity } from "./pods/pod_spec.ts";
import { RuntimeError } from "./providers/errors.ts";
import type { Provider } from "./providers/provider.ts";
import type { ContainerRuntime } from "./providers/runtime.ts";
import { serveRun, standaloneNode } from "./standalone_node.ts";
import { type Console, LogPrinter } from "./standalone_output.ts";

/** What {@linkcode runManifests} runs, and how. */
export interface RunOptions extends AbortOptions {
  /** A file, a directory, or `-` for standard input. */
  readonly source: string;
  /** Makes the provider; `directories` are those of the manifests. */
  createProvider(
    directories: readonly string[],
  ): Promise<Provider & { readonly runtime: ContainerRuntime }>;
  readonly console: Console;
  /** Where the local API is served; nowhere unless given. */
  readonly socket?: string;
}

/**
 * Runs the Pods of some manifests without a cluster, and prints their logs.
 *
 * Resolves when every pod has ended or was deleted, with the first exit code that is not 0 (in the
 * order of the manifests; 143 is that of a pod that was deleted before it had ended), or when the
 * signal aborts, after the pods were stopped gracefully, with 130. A manifest that cannot run is a
 * `ConfigError`, and nothing is started.
 */
export async function runManifests(options: RunOptions): Promise<number> {
  const manifests = await readManifests(options.source);
  await using provider = await options.createProvider(manifests.directories);
  await refuseUnrunnable(manifests, provider, options);
  const run = new StandaloneRun(manifests, provider, options);
  return await run.toEnd(options);
}

/** Refuses fields that cannot be honoured and images that are not there, before any start. */
async function refuseUnrunnable(
  { pods }: Manifests,
  provider: Provider & { readonly runtime: ContainerRuntime },
  { source, signal }: RunOptions,
): Promise<void> {
  const refusals = (pod: Pod) => provider.refusals?.(pod) ?? [];
  for (const pod of pods) {
    const where = `Cannot run ${source} (Pod ${objectName(pod)})`;
    const context = { runtime: provider.runtime, refusals };
    const [refusal] = podRefusals(pod, context);
    if (refusal) {
      const { field, message } = refusal;
      throw new ConfigError(`${where}: ${field}: ${message}`);
    }
    const { initContainers, containers } = desiredPod(pod);
    for (const { name, image } of [...initContainers, ...containers]) {
      try {
        await provider.runtime.checkImage?.(image, { signal });
      } catch (error) {
        if (!(error instanceof RuntimeError)) throw error;
        const { message } = error;
        throw new ConfigError(`${where}: container ${name}: ${message}`, {
          cause: error,
        });
      }
    }
  }
}

/** Reasons that no waiting will cure: what a manifest refers to does not change while it runs. */
const hopeless = new Set([
  "CreateContainerConfigError",
  "CreateContainerError",
  "ErrImagePull",
  "ErrImageNeverPull",
  "InvalidImageName",
  "RunContainerError",
  "SignatureValidationFailed",
]);

/** As of a process that was asked to end: what the pod was to do is not done. */
const deletedCode = 143;

/** One run of some pods, from their start to their end. */
class StandaloneRun {
  readonly #pods: readonly Pod[];
  readonly #provider: Provider & { readonly runtime: ContainerRuntime };
  readonly #engine: PodEngine;
  readonly #printer: LogPrinter;
  readonly #console: Console;
  readonly #socket: string | undefined;
  readonly #events: RecentEvents;
  readonly #local = new LocalPods();
  readonly #exitCodes = new Map<string, number>();
  readonly #allEnded = Promise.withResolvers<void>();
  /** What the machine has for the pods. */
  #allocatable: Readonly<Record<string, string>> = {};

  constructor(
    { pods, configMaps, secrets }: Manifests,
    provider: Provider & { readonly runtime: ContainerRuntime },
    { console, socket }: Pick<RunOptions, "console" | "socket">,
  ) {
    this.#pods = pods;
    this.#provider = provider;
    this.#console = console;
    this.#socket = socket;
    const sink = { record: console.event.bind(console) };
    this.#events = new RecentEvents(sink, { host: Deno.hostname() });
    this.#engine = new PodEngine({
      runtime: provider.runtime,
      runtimeName: provider.name,
      objects: new FileObjects({ configMaps, secrets }),
      events: this.#events,
      node: () => ({ ips: ["127.0.0.1"], allocatable: this.#allocatable }),
      refusals: (pod) => provider.refusals?.(pod) ?? [],
      ignored: (pod) => provider.ignored?.(pod) ?? [],
    });
    this.#printer = new LogPrinter(this.#engine, pods, console);
  }

  async toEnd({ signal }: AbortOptions): Promise<number> {
    // The engine must outlive the signal: stopping gracefully is its work.
    const forever = new AbortController().signal;
    await using group = new TaskGroup(forever);
    group.spawn((signal) => this.#engine.run({ signal }));
    group.spawn((signal) => this.#evictor().run({ signal }));
    group.spawn((signal) => this.#printer.run({ signal }));
    const ended = AbortSignal.any([signal, group.signal]);
    await using _server = await this.#serve(group);
    this.#allocatable = nodeResources(await this.#provider.describeNode(group));
    for (const pod of this.#pods) await this.#engine.createPod(pod, { signal });
    group.spawn(async (signal) => {
      for await (const uid of this.#engine.changes({ signal })) {
        await this.#look(uid, group);
      }
    });
    await Promise.race([this.#allEnded.promise, untilAborted(ended)]);
    if (group.signal.aborted) await group.join();
    const interrupted = signal.aborted;
    // What has ended has a log that ends too; what is interrupted must be stopped for that.
    if (!interrupted) await this.#printer.drain();
    await this.#stopAll(group.signal);
    if (interrupted) return 130;
    const codes = this.#pods.map((pod) =>
      this.#exitCodes.get(podIdentity(pod).uid) ?? 0
    );
    return codes.find((code) => code !== 0) ?? 0;
  }

  /** Ends pods that use more of the disk than they may; what the machine is short of is its owner's business. */
  #evictor(): Evictor {
    const { runtime } = this.#provider;
    return new Evictor({
      settings: { ...defaultEviction, thresholds: [] },
      pods: this.#engine,
      events: this.#events,
      node: () => ({ apiVersion: "v1", kind: "Node", name: Deno.hostname() }),
      ...(runtime.stats && { stats: runtime.stats.bind(runtime) }),
    });
  }

  /** Follows a pod: prints the logs of what was started, and keeps the code of what has ended. */
  async #look(uid: string, { signal }: TaskGroup): Promise<void> {
    const status = await this.#engine.getPodStatus(uid, { signal });
    if (status === undefined) return;
    this.#local.setStatus(uid, status);
    this.#printer.follow(uid, status);
    if (this.#local.deletion(uid) !== undefined) return;
    const containers = [
      ...status.initContainerStatuses ?? [],
      ...status.containerStatuses ?? [],
    ];
    const stuck = containers.find(({ state }) =>
      hopeless.has(state?.waiting?.reason ?? "")
    );
    if (stuck !== undefined) {
      const { reason, message } = stuck.state?.waiting ?? {};
      throw new Error(
        `Cannot start container ${stuck.name}: ${reason}: ${message}`,
      );
    }
    if (this.#exitCodes.has(uid)) return;
    if (status.phase === "Succeeded") this.#end(uid, 0);
    if (status.phase === "Failed") {
      const failed = containers.find(({ state }) =>
        (state?.terminated?.exitCode ?? 0) !== 0
      );
      this.#tellFailure(uid, status, failed);
      this.#end(uid, failed?.state?.terminated?.exitCode ?? 1);
    }
  }

  #end(uid: string, code: number): void {
    if (!this.#exitCodes.has(uid)) this.#exitCodes.set(uid, code);
    if (this.#exitCodes.size === this.#pods.length) this.#allEnded.resolve();
  }

  /** Shows the pods to local tools, which may delete them. */
  async #serve(group: TaskGroup): Promise<AsyncDisposable | undefined> {
    const path = this.#socket;
    // Deno has no unix sockets on Windows.
    if (path === undefined || Deno.build.os === "windows") return undefined;
    const node = await standaloneNode({
      pods: this.#pods,
      provider: this.#provider,
      engine: this.#engine,
      events: this.#events,
      local: this.#local,
      deletePod: (pod, { graceSeconds }) =>
        this.#delete(podIdentity(pod).uid, graceSeconds, group),
    }, group);
    const { signal } = group;
    return await serveRun(node, { path, console: this.#console, signal });
  }

  #delete(uid: string, graceSeconds: number, group: TaskGroup): void {
    this.#local.delete(uid, graceSeconds);
    group.spawn(async (signal) => {
      await this.#engine.deletePod(uid, { graceSeconds, signal });
      this.#local.ended(uid);
      this.#end(uid, deletedCode);
    });
  }

  /** Says which container made the pod fail: its own output need not. */
  #tellFailure(
    uid: string,
    status: PodStatus,
    failed: ContainerStatus | undefined,
  ): void {
    const pod = this.#pods.find((pod) => podIdentity(pod).uid === uid);
    const { exitCode, reason, message } = failed?.state?.terminated ?? {};
    const why = failed === undefined
      ? `${status.reason}: ${status.message}`
      : `container ${failed.name} ended with exit code ${exitCode} (${reason})`;
    this.#console.event({ name: pod?.metadata?.name ?? uid }, {
      type: "Warning",
      reason: "Failed",
      message: message ? `${why}: ${message}` : why,
    });
  }

  /** Stops what runs and removes everything. */
  async #stopAll(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#pods.map((pod) => {
      const { uid, terminationGracePeriodSeconds } = desiredPod(pod);
      const graceSeconds = terminationGracePeriodSeconds;
      return this.#engine.deletePod(uid, { graceSeconds, signal });
    }));
  }
}

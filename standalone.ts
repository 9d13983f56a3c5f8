import type { AbortOptions } from "./async/abort.ts";
import { ConfigError } from "./async/config_error.ts";
import { TaskGroup } from "./async/task_group.ts";
import type { EventSink } from "./k8s/events.ts";
import {
  type ContainerStatus,
  objectName,
  type Pod,
  type PodStatus,
} from "./k8s/types.ts";
import { type Manifests, readManifests } from "./manifests.ts";
import { PodEngine } from "./pods/engine.ts";
import { FileObjects } from "./pods/file_objects.ts";
import { podRefusals } from "./pods/pod_actions.ts";
import { desiredPod, podIdentity } from "./pods/pod_spec.ts";
import { RuntimeError } from "./providers/errors.ts";
import type { Provider } from "./providers/provider.ts";
import type { ContainerRuntime } from "./providers/runtime.ts";
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
}

/**
 * Runs the Pods of some manifests without a cluster, and prints their logs.
 *
 * Resolves when every pod has ended, with the first exit code that is not 0 (in the order of the
 * manifests), or when the signal aborts, after the pods were stopped gracefully, with 130. A
 * manifest that cannot run is a `ConfigError`, and nothing is started.
 */
export async function runManifests(options: RunOptions): Promise<number> {
  const manifests = await readManifests(options.source);
  await using provider = await options.createProvider(manifests.directories);
  await refuseUnrunnable(manifests, provider, options);
  const run = new StandaloneRun(manifests, provider, options.console);
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
]);

/** One run of some pods, from their start to their end. */
class StandaloneRun {
  readonly #pods: readonly Pod[];
  readonly #engine: PodEngine;
  readonly #printer: LogPrinter;
  readonly #console: Console;
  readonly #exitCodes = new Map<string, number>();

  constructor(
    { pods, configMaps, secrets }: Manifests,
    provider: Provider & { readonly runtime: ContainerRuntime },
    console: Console,
  ) {
    this.#pods = pods;
    this.#console = console;
    const events: EventSink = {
      record: (object, event) => console.event(object, event),
    };
    this.#engine = new PodEngine({
      runtime: provider.runtime,
      runtimeName: provider.name,
      objects: new FileObjects({ configMaps, secrets }),
      events,
      node: () => ({ ips: ["127.0.0.1"], allocatable: {} }),
      refusals: (pod) => provider.refusals?.(pod) ?? [],
    });
    this.#printer = new LogPrinter(this.#engine, pods, console);
  }

  async toEnd({ signal }: AbortOptions): Promise<number> {
    // The engine must outlive the signal: stopping gracefully is its work.
    const forever = new AbortController().signal;
    await using group = new TaskGroup(forever);
    group.spawn((signal) => this.#engine.run({ signal }));
    group.spawn((signal) => this.#printer.run({ signal }));
    const ended = AbortSignal.any([signal, group.signal]);
    for (const pod of this.#pods) await this.#engine.createPod(pod, { signal });
    for await (const uid of this.#engine.changes({ signal: ended })) {
      await this.#look(uid, group);
      if (this.#exitCodes.size === this.#pods.length) break;
    }
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

  /** Follows a pod: prints the logs of what was started, and keeps the code of what has ended. */
  async #look(uid: string, { signal }: TaskGroup): Promise<void> {
    const status = await this.#engine.getPodStatus(uid, { signal });
    if (status === undefined) return;
    this.#printer.follow(uid, status);
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
    if (status.phase === "Succeeded") this.#exitCodes.set(uid, 0);
    if (status.phase === "Failed") {
      const failed = containers.find(({ state }) =>
        (state?.terminated?.exitCode ?? 0) !== 0
      );
      this.#exitCodes.set(uid, failed?.state?.terminated?.exitCode ?? 1);
      this.#tellFailure(uid, status, failed);
    }
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

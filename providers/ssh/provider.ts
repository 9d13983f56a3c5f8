import type { AbortOptions } from "../../async/abort.ts";
import { TaskGroup } from "../../async/task_group.ts";
import type { Pod } from "../../k8s/types.ts";
import { UnreachableError } from "../errors.ts";
import type { MachineShutdown } from "../machine_shutdown.ts";
import { type WatchedMachine, watchMachine } from "../machine_watch.ts";
import type {
  ConditionSource,
  Health,
  NodeFacts,
  NodeSample,
  Provider,
  Refusal,
  ServerAddress,
} from "../provider.ts";
import { ApiAccess } from "./api_access.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import { EngineLink } from "./engine_link.ts";
import { hostNodeFacts } from "./facts.ts";
import type { Host } from "./host.ts";
import { readHostStats } from "./host_stats.ts";
import { imageMounting } from "./image_volumes.ts";
import { keepRunning, type LastingTask } from "./keep_running.ts";
import { PauseImage } from "./pause_image.ts";
import { PodFiles } from "./pod_files.ts";
import { sshRefusals } from "./refusals.ts";
import { SshRuntime } from "./runtime.ts";

/** Options of {@linkcode SshProvider.open}. */
export interface SshProviderOptions {
  /** The name of the node: what runs on the host for another name is not touched. */
  readonly nodeName: string;
  /** Disposed of with the provider. */
  readonly host: Host & AsyncDisposable;
  /** The engine's socket on the host; found unless given. */
  readonly engineSocket?: string;
  /** The directory on the host below which all nodes' pods are; see {@linkcode PodFiles}. */
  readonly root?: string;
  /** 110 by default, as the kubelet. */
  readonly maxPods?: number;
  /** Kernel parameters that pods may set though they are not safe; `*` ends a pattern. */
  readonly allowedUnsafeSysctls?: readonly string[];
  /** The API server that pods are to reach; none without a cluster. */
  readonly apiServer?: ServerAddress;
  /** How they reach it; `auto` unless given. */
  readonly tunnel?: "auto" | "apiserver" | "none";
}

/**
 * Makes a host that is reached over SSH a node whose containers run in its Docker or Podman.
 *
 * Disposing of it lets go of the host: what runs there goes on, for the next agent to adopt.
 */
export class SshProvider implements AsyncDisposable {
  readonly name = "ssh";
  readonly runtime: SshRuntime;
  readonly conditions: readonly ConditionSource[];
  readonly #options: SshProviderOptions;
  readonly #link: EngineLink;
  readonly #files: PodFiles;
  readonly #access: ApiAccess | undefined;
  readonly #tasks: TaskGroup;

  private constructor(
    options: SshProviderOptions,
    parts: {
      readonly link: EngineLink;
      readonly files: PodFiles;
      readonly access: ApiAccess | undefined;
      readonly runtime: SshRuntime;
      readonly tasks: TaskGroup;
    },
  ) {
    this.#options = options;
    this.#link = parts.link;
    this.#files = parts.files;
    this.#access = parts.access;
    this.#tasks = parts.tasks;
    this.runtime = parts.runtime;
    const reachable = new HostReachable(options.host, parts.link);
    this.conditions = parts.access === undefined
      ? [reachable]
      : [reachable, parts.access];
  }

  /** Resolves at once: the host is connected to in the background. */
  static async open(options: SshProviderOptions): Promise<SshProvider> {
    const { host, nodeName, engineSocket, root } = options;
    const tasks = new TaskGroup(new AbortController().signal);
    const layout = { node: nodeName, ...(root === undefined ? {} : { root }) };
    const files = new PodFiles(host, layout);
    const link = new EngineLink({
      host,
      ...(engineSocket === undefined ? {} : { socket: engineSocket }),
      directory: async (options) => (await files.layout(options)).directory,
    });
    const access = apiAccess(options, files);
    const runtime = await SshRuntime.open({
      host,
      engine: () => link.engine(),
      files,
      nodeName,
      pauseImage: pauseImageOf(() => link.engine()),
      ...(access === undefined
        ? {}
        : { tunnel: (options) => access.tunnel(options) }),
    }, { signal: tasks.signal });
    const keep = (task: string, run: LastingTask["run"]) =>
      tasks.spawn((signal) =>
        keepRunning({ host: host.name, task, run }, { signal })
      );
    keep("find the engine", (options) => link.run(options));
    if (access !== undefined) {
      keep("reach the API server", (options) => access.run(options));
    }
    return new SshProvider(options, { link, files, access, runtime, tasks });
  }

  /** The host as it was found when it was connected to. */
  describeNode(_options: AbortOptions): Promise<NodeFacts> {
    const { state } = this.#link;
    if (state.kind !== "ready") {
      return Promise.reject(new UnreachableError(state.message));
    }
    const { kind, version } = state.engine.info;
    return Promise.resolve(hostNodeFacts(state.facts, {
      runtimeVersion: `${kind}://${version}`,
      maxPods: this.#options.maxPods ?? 110,
    }));
  }

  /** Costs a request to the engine, and no command on the host. */
  async checkHealth(options: AbortOptions): Promise<Health> {
    const { state } = this.#link;
    switch (state.kind) {
      case "unreachable": {
        const { message } = state;
        return { kind: "unhealthy", reason: "HostUnreachable", message };
      }
      case "noEngine": {
        const { message } = state;
        return { kind: "unhealthy", reason: "EngineNotFound", message };
      }
      case "ready":
    }
    try {
      await state.engine.ping(options);
      return { kind: "healthy" };
    } catch (error) {
      options.signal.throwIfAborted();
      if (!(error instanceof Error)) throw error;
      const { message } = error;
      return { kind: "unhealthy", reason: "EngineUnreachable", message };
    }
  }

  async nodeStats(options: AbortOptions): Promise<NodeSample> {
    const { directory: pods } = await this.#files.layout(options);
    const { state } = this.#link;
    const images = state.kind === "ready" ? state.engine.info.storageDir : "";
    return await readHostStats(this.#options.host, { pods, images }, options);
  }

  watchShutdown(options: AbortOptions): AsyncIterable<MachineShutdown> {
    return watchMachine(hostMachine(this.#options.host), options);
  }

  async reclaim(options: AbortOptions): Promise<void> {
    await this.runtime.reclaim(options);
  }

  podApiServer(): ServerAddress | undefined {
    return this.#access?.server;
  }

  refusals(pod: Pod): readonly Refusal[] {
    const { state } = this.#link;
    const { allowedUnsafeSysctls } = this.#options;
    const allowed = { allowedUnsafeSysctls };
    if (state.kind !== "ready") return sshRefusals(pod, undefined, allowed);
    const { rootless, cgroupVersion } = state.engine.info;
    const { unprivilegedPortStart } = state.facts;
    return sshRefusals(pod, {
      ...{ rootless, cgroupVersion, unprivilegedPortStart },
      // Who runs the engine as root is root on the host.
      mounts: !rootless,
      images: imageMounting(state.engine.info, !rootless),
    }, allowed);
  }

  /** Ends all pods of the node and removes every trace of them from the host. */
  async purge(options: AbortOptions): Promise<void> {
    for (const { uid } of await this.runtime.listPods(options)) {
      await this.runtime.removeSandbox(uid, options);
    }
    await this.#files.removeAll(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tasks[Symbol.asyncDispose]();
    await this.runtime[Symbol.asyncDispose]();
    await this.#options.host[Symbol.asyncDispose]();
  }
}

/** Whether the host can be reached, as a condition of the Node. */
class HostReachable implements ConditionSource {
  readonly #host: Host;
  readonly #link: EngineLink;

  constructor(host: Host, link: EngineLink) {
    this.#host = host;
    this.#link = link;
  }

  get condition(): ConditionSource["condition"] {
    const type = "HostReachable";
    const { reachability } = this.#host;
    if (reachability.kind === "reachable") {
      const message = `Connected to ${this.#host.name}`;
      return { type, status: "True", reason: "Connected", message };
    }
    const { reason, message } = reachability;
    return { type, status: "False", reason, message };
  }

  /** Also when the engine was found: whether the node can run pods has changed then. */
  changes(options: AbortOptions): AsyncIterable<unknown> {
    return this.#link.changes(options);
  }
}

function hostMachine(host: Host): WatchedMachine {
  return {
    spawn: (script, options) => host.spawn(script, [], options),
    connected: (options) => host.connected(options),
    async lost(options) {
      for await (const { kind } of host.changes(options)) {
        if (kind === "unreachable") return;
      }
    },
  };
}

function apiAccess(
  { host, apiServer, tunnel = "auto" }: SshProviderOptions,
  files: PodFiles,
): ApiAccess | undefined {
  if (apiServer === undefined || tunnel === "none") return undefined;
  return new ApiAccess({
    host,
    server: apiServer,
    mode: tunnel,
    directory: async (options) =>
      `${(await files.layout(options)).directory}/api`,
  });
}

/** The pause image of whichever engine the host has now. */
function pauseImageOf(
  engine: () => EngineClient,
): Pick<PauseImage, "ensure" | "forget"> {
  let known:
    | { readonly engine: EngineClient; readonly image: PauseImage }
    | undefined;
  const current = () => {
    const now = engine();
    if (known?.engine !== now) {
      known = { engine: now, image: new PauseImage(now) };
    }
    return known.image;
  };
  return {
    ensure: (options) => current().ensure(options),
    forget: () => current().forget(),
  };
}

/** A {@linkcode Provider} is what it must be. */
export type SshNodeProvider = Provider & SshProvider;

import type { AbortOptions } from "../../async/abort.ts";
import { getLogger } from "../../async/log.ts";
import { TaskGroup } from "../../async/task_group.ts";
import { UnreachableError } from "../errors.ts";
import type {
  ContainerResources,
  ContainerSpec,
  ImageVolume,
  SandboxSpec,
  VolumeSpec,
} from "../container_spec.ts";
import type {
  ContainerRef,
  ContainerRuntime,
  KeptText,
  LocalImage,
  LogOptions,
  ObservedPod,
  PodIdentity,
  PortConnection,
  ProcessStreams,
  PulledImage,
  PullOptions,
  SandboxOptions,
  VolumeFileRef,
} from "../runtime.ts";
import type { ServerAddress } from "../provider.ts";
import type { RuntimeStats } from "../samples.ts";
import { SshAccess } from "./container_access.ts";
import { portConnection } from "./port_forward.ts";
import { Collector } from "./collector.ts";
import { logConfig } from "./container_log.ts";
import { ContainerStarter } from "./container_starter.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import { followEngine } from "./engine_events.ts";
import { ExitReader } from "./exit_details.ts";
import type { Host } from "./host.ts";
import { parseImageName } from "../image_name.ts";
import { findImage, pullImage } from "./engine/images.ts";
import { Inventory } from "./inventory.ts";
import { ImageAccessFile } from "./image_access.ts";
import { ImageCollector } from "./image_collector.ts";
import { ImageVolumes } from "./image_volumes.ts";
import { keepRunning, type LastingTask } from "./keep_running.ts";
import { observePod } from "./observe.ts";
import { OomProtection } from "./oom_protection.ts";
import type { PauseImage } from "./pause_image.ts";
import type { PodFiles } from "./pod_files.ts";
import { type FindTunnel, SandboxRelays } from "./sandbox_relays.ts";
import { Sandboxes } from "./sandboxes.ts";
import { Stopping } from "./stopping.ts";

/** Options for {@linkcode SshRuntime.open}. */
export interface SshRuntimeOptions {
  readonly host: Host;
  /** The engine of the host; throws an `UnreachableError` while none is known. */
  readonly engine: () => EngineClient;
  readonly files: PodFiles;
  readonly nodeName: string;
  readonly pauseImage: Pick<PauseImage, "ensure" | "forget">;
  /** How pods reach the API server; undefined where they can do so by themselves. */
  readonly tunnel?: FindTunnel;
}

/**
 * Runs containers by the engine of a host that is reached over SSH.
 *
 * All that it must know of them stands on the containers themselves: it adopts those whose labels
 * name its node, and touches no others. Everything rejects with an `UnreachableError` while the
 * host cannot be reached.
 */
export class SshRuntime implements ContainerRuntime, AsyncDisposable {
  /** What the engines of hosts run containers with; which of them is the host's choice. */
  readonly handlers: readonly string[] = ["runc", "crun"];
  readonly #host: Host;
  readonly #engine: () => EngineClient;
  readonly #files: PodFiles;
  readonly #inventory: Inventory;
  readonly #stopping: Stopping;
  readonly #exits: ExitReader;
  readonly #access: SshAccess;
  readonly #sandboxes: Sandboxes;
  readonly #starter: ContainerStarter;
  readonly #images: ImageCollector;
  readonly #imageVolumes: ImageVolumes;
  readonly #collector: Collector;
  readonly #tasks: TaskGroup;
  readonly imageAccess: KeptText;

  private constructor(
    { host, engine, files, nodeName, pauseImage, tunnel }: SshRuntimeOptions,
    { signal }: AbortOptions,
  ) {
    this.#host = host;
    this.#engine = engine;
    this.#files = files;
    this.imageAccess = new ImageAccessFile({
      host,
      layout: files.layout.bind(files),
    });
    this.#inventory = new Inventory({
      engine,
      node: nodeName,
      forgotten: (id) => {
        this.#exits.forget(id);
        this.#stopping.forget(id);
        this.#sandboxes.forget(id);
      },
    });
    const inventory = this.#inventory;
    this.#stopping = new Stopping(engine, inventory);
    const wasKilled = (id: string) => this.#stopping.hasKilled(id);
    this.#exits = new ExitReader({ host, files, wasKilled });
    const parts = {
      host,
      engine,
      inventory,
      files,
      node: nodeName,
      protection: new OomProtection(),
      stopping: this.#stopping,
      exits: this.#exits,
      pauseImage,
      logConfig: () => logConfig(engine().info),
    };
    this.#access = new SshAccess(parts);
    const relays = new SandboxRelays(files, tunnel);
    this.#sandboxes = new Sandboxes({ ...parts, relays });
    this.#imageVolumes = new ImageVolumes(parts);
    this.#starter = new ContainerStarter({
      ...parts,
      imageVolumes: this.#imageVolumes,
      sandboxes: this.#sandboxes,
    });
    this.#images = new ImageCollector({ host, engine, inventory });
    this.#collector = new Collector({
      ...parts,
      sandboxes: this.#sandboxes,
      images: this.#images,
    });
    this.#tasks = new TaskGroup(signal);
    const node = nodeName;
    this.#keep(
      "follow the engine",
      (options) => followEngine({ host, engine, inventory, node }, options),
    );
    this.#keep("clean up", (options) => this.#collector.run(options));
    this.#tasks.spawn((signal) => this.#prepare(pauseImage, { signal }));
  }

  /** Takes over what runs on the host for the node, now or once it can be reached. */
  static open(
    options: SshRuntimeOptions,
    { signal }: AbortOptions,
  ): Promise<SshRuntime> {
    return Promise.resolve(new SshRuntime(options, { signal }));
  }

  /** Lets go of the host; what runs there goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tasks[Symbol.asyncDispose]();
    await this.#access[Symbol.asyncDispose]();
  }

  async listPods(options: AbortOptions): Promise<readonly PodIdentity[]> {
    this.#mustReach();
    const records = await this.#inventory.all(options);
    const pods = new Map(records.map(({ pod }) => [pod.uid, pod]));
    return [...pods.values()];
  }

  async observe(podUid: string, options: AbortOptions): Promise<ObservedPod> {
    this.#mustReach();
    const records = await this.#inventory.pod(podUid, options);
    const details = await this.#exits.of(records, options);
    const observed = observePod(podUid, records, details);
    const unusable = observed.sandbox === "ready" &&
      this.#sandboxes.usable(records) === undefined;
    return unusable ? { ...observed, sandbox: "stopped" } : observed;
  }

  changes(options: AbortOptions): AsyncIterable<string> {
    return this.#inventory.changes(options);
  }

  async createSandbox(
    sandbox: SandboxSpec,
    options: SandboxOptions,
  ): Promise<void> {
    await this.#sandboxes.ensure(sandbox, options);
  }

  async removeSandbox(podUid: string, options: AbortOptions): Promise<void> {
    await this.#sandboxes.remove(podUid, options);
  }

  checkImageName(image: string): void {
    parseImageName(image);
  }

  async endSandbox(podUid: string, options: AbortOptions): Promise<void> {
    await this.#sandboxes.end(podUid, options);
  }

  findImage(
    image: string,
    options: AbortOptions,
  ): Promise<LocalImage | undefined> {
    return findImage(this.#engine(), image, options);
  }

  async pullImage(
    image: string,
    options: PullOptions & AbortOptions,
  ): Promise<PulledImage> {
    const pulled = await pullImage(this.#engine(), image, options);
    this.#images.use(pulled.imageId);
    return pulled;
  }

  async setVolume(
    podUid: string,
    volume: VolumeSpec,
    options: AbortOptions,
  ): Promise<void> {
    await this.#files.setVolume(podUid, volume, options);
  }

  async setImageVolume(
    podUid: string,
    volume: ImageVolume,
    options: AbortOptions,
  ): Promise<void> {
    this.#images.use(volume.imageId);
    await this.#imageVolumes.set(podUid, volume, options);
  }

  async readVolumeFile(
    file: VolumeFileRef,
    options: AbortOptions,
  ): Promise<string | undefined> {
    return await this.#files.readVolumeFile(file, options);
  }

  async startContainer(
    podUid: string,
    spec: ContainerSpec,
    options: AbortOptions,
  ): Promise<void> {
    this.#images.use(spec.imageId);
    try {
      await this.#starter.start(podUid, spec, options);
    } finally {
      this.#collector.soon(podUid);
    }
  }

  async stopContainer(
    ref: ContainerRef,
    options: AbortOptions & { readonly graceSeconds: number },
  ): Promise<void> {
    const run = await this.#access.newestRun(ref, options);
    if (run?.state.kind === "running") await this.#stopping.stop(run, options);
  }

  async updateContainer(
    ref: ContainerRef,
    resources: ContainerResources,
    options: AbortOptions,
  ): Promise<void> {
    await this.#access.update(ref, resources, options);
  }

  readLogs(
    ref: ContainerRef,
    options: LogOptions & AbortOptions,
  ): ReadableStream<Uint8Array> {
    return this.#access.readLogs(ref, options);
  }

  async exec(
    ref: ContainerRef,
    command: readonly string[],
    options: ProcessStreams & AbortOptions,
  ): Promise<number> {
    return await this.#access.exec(ref, command, options);
  }

  async attach(
    ref: ContainerRef,
    options: ProcessStreams & AbortOptions,
  ): Promise<void> {
    await this.#access.attach(ref, options);
  }

  async portForward(
    podUid: string,
    port: number,
    options: AbortOptions,
  ): Promise<PortConnection> {
    return await this.#access.portForward(podUid, port, options);
  }

  async ping(options: AbortOptions): Promise<void> {
    this.#mustReach();
    await this.#engine().ping(options);
  }

  async dial(
    { host, port }: ServerAddress,
    options: AbortOptions,
  ): Promise<PortConnection> {
    const address = { kind: "tcp", host, port } as const;
    return portConnection(await this.#host.dial(address, options), options);
  }

  async stats(options: AbortOptions): Promise<RuntimeStats> {
    this.#mustReach();
    return await this.#access.stats(options);
  }

  /** Removes what nobody needs on the host, however much room there is. */
  async reclaim(options: AbortOptions): Promise<void> {
    this.#mustReach();
    await this.#collector.reclaim(options);
  }

  #keep(task: string, run: LastingTask["run"]): void {
    const host = this.#host.name;
    this.#tasks.spawn((signal) => keepRunning({ host, task, run }, { signal }));
  }

  /** Has at hand what the first pod will need; whatever fails here fails there again. */
  async #prepare(
    pauseImage: SshRuntimeOptions["pauseImage"],
    options: AbortOptions,
  ): Promise<void> {
    try {
      await this.#host.connected(options);
      await Promise.all([
        pauseImage.ensure(options),
        this.#files.layout(options),
      ]);
    } catch (error) {
      if (options.signal.aborted) return;
      const host = this.#host.name;
      getLogger("ssh").debug("Cannot prepare a host for pods", { host, error });
    }
  }

  /** What is known of a host that cannot be reached may be wrong by now. */
  #mustReach(): void {
    const { reachability } = this.#host;
    if (reachability.kind === "reachable") return;
    throw new UnreachableError(reachability.message);
  }
}

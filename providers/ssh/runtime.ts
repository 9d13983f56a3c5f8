import type { AbortOptions } from "../../async/abort.ts";
import { getLogger } from "../../async/log.ts";
import { TaskGroup } from "../../async/task_group.ts";
import { UnreachableError } from "../errors.ts";
import type {
  ContainerRef,
  ContainerRuntime,
  ContainerSpec,
  LocalImage,
  LogOptions,
  ObservedPod,
  PodIdentity,
  PortConnection,
  ProcessStreams,
  PullOptions,
  RuntimeStats,
  SandboxSpec,
  VolumeSpec,
} from "../runtime.ts";
import type { ApiTunnel } from "./api_tunnel.ts";
import { attachToContainer } from "./attach.ts";
import { Collector } from "./collector.ts";
import { ContainerLogs, logConfig } from "./container_log.ts";
import type { ContainerRecord } from "./container_record.ts";
import { ContainerStarter } from "./container_starter.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import { followEngine } from "./engine_events.ts";
import { execInContainer } from "./exec.ts";
import { ExitReader } from "./exit_details.ts";
import type { Host } from "./host.ts";
import { findImage, pullImage } from "./engine/images.ts";
import { Inventory } from "./inventory.ts";
import { ImageCollector } from "./image_collector.ts";
import { byAttempt, newestSandbox, observePod } from "./observe.ts";
import { OomProtection } from "./oom_protection.ts";
import type { PauseImage } from "./pause_image.ts";
import type { PodFiles } from "./pod_files.ts";
import { connectToPod } from "./port_forward.ts";
import type { ApiRelay } from "./sandbox_body.ts";
import { Sandboxes } from "./sandboxes.ts";
import { ContainerUsage } from "./stats.ts";
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
  readonly tunnel?: (options: AbortOptions) => Promise<ApiTunnel | undefined>;
}

/**
 * Runs containers by the engine of a host that is reached over SSH.
 *
 * All that it must know of them stands on the containers themselves: it adopts those whose labels
 * name its node, and touches no others. Everything rejects with an `UnreachableError` while the
 * host cannot be reached.
 */
export class SshRuntime implements ContainerRuntime, AsyncDisposable {
  readonly #host: Host;
  readonly #engine: () => EngineClient;
  readonly #files: PodFiles;
  readonly #inventory: Inventory;
  readonly #stopping: Stopping;
  readonly #exits: ExitReader;
  readonly #sandboxes: Sandboxes;
  readonly #starter: ContainerStarter;
  readonly #images: ImageCollector;
  readonly #collector: Collector;
  readonly #logs: ContainerLogs;
  readonly #usage: ContainerUsage;
  readonly #tasks: TaskGroup;

  private constructor(
    { host, engine, files, nodeName, pauseImage, tunnel }: SshRuntimeOptions,
    { signal }: AbortOptions,
  ) {
    this.#host = host;
    this.#engine = engine;
    this.#files = files;
    this.#inventory = new Inventory({ engine, node: nodeName });
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
    this.#sandboxes = new Sandboxes({
      ...parts,
      relay: (spec, options) => apiRelay(spec, tunnel, options),
    });
    this.#starter = new ContainerStarter({
      ...parts,
      sandboxes: this.#sandboxes,
    });
    this.#images = new ImageCollector({ host, engine, inventory });
    this.#collector = new Collector({
      ...parts,
      sandboxes: this.#sandboxes,
      images: this.#images,
    });
    this.#logs = new ContainerLogs(host);
    this.#usage = new ContainerUsage(host, engine);
    this.#tasks = new TaskGroup(signal);
    this.#tasks.spawn((signal) =>
      followEngine({ host, engine, inventory, node: nodeName }, { signal })
    );
    this.#tasks.spawn((signal) => this.#collector.run({ signal }));
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
    await this.#usage[Symbol.asyncDispose]();
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
    options: AbortOptions,
  ): Promise<void> {
    await this.#sandboxes.ensure(sandbox, options);
  }

  async removeSandbox(podUid: string, options: AbortOptions): Promise<void> {
    await this.#sandboxes.remove(podUid, options);
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
  ): Promise<LocalImage> {
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
    const run = (await this.#runs(ref, options)).at(-1);
    if (run?.state.kind === "running") await this.#stopping.stop(run, options);
  }

  readLogs(
    ref: ContainerRef,
    options: LogOptions & AbortOptions,
  ): ReadableStream<Uint8Array> {
    return later(async () => {
      const runs = await this.#runs(ref, options);
      const run = runs.at(options.previous ? -2 : -1);
      const inspect = run &&
        await this.#engine().inspectContainer(run.id, options);
      if (inspect === undefined) throw noLog(ref, options.previous);
      return this.#logs.read(this.#engine(), inspect, options);
    });
  }

  async exec(
    ref: ContainerRef,
    command: readonly string[],
    options: ProcessStreams & AbortOptions,
  ): Promise<number> {
    const { id } = await this.#running(ref, options);
    const engine = this.#engine();
    return await execInContainer(engine, this.#host, id, command, options);
  }

  async attach(
    ref: ContainerRef,
    options: ProcessStreams & AbortOptions,
  ): Promise<void> {
    const { id, tty, stdinOnce } = await this.#running(ref, options);
    const engine = this.#engine();
    await attachToContainer(engine, id, { tty, stdinOnce }, options);
  }

  async portForward(
    podUid: string,
    port: number,
    options: AbortOptions,
  ): Promise<PortConnection> {
    const records = await this.#inventory.pod(podUid, options);
    const sandbox = newestSandbox(records);
    const inspect = sandbox?.state.kind === "running"
      ? await this.#engine().inspectContainer(sandbox.id, options)
      : undefined;
    if (inspect === undefined) {
      throw new Deno.errors.NotFound(
        `Cannot connect to port ${port}: the pod does not run`,
      );
    }
    return await connectToPod(
      this.#engine(),
      this.#host,
      inspect,
      port,
      options,
    );
  }

  async stats(options: AbortOptions): Promise<RuntimeStats> {
    this.#mustReach();
    const records = await this.#inventory.all(options);
    const running = records.filter(({ state }) => state.kind === "running");
    const volumes = this.#files.placedVolumes();
    return await this.#usage.sample(running, volumes, options);
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

  /** The runs of a container that were started, oldest first. */
  async #runs(
    { podUid, container }: ContainerRef,
    options: AbortOptions,
  ): Promise<readonly ContainerRecord[]> {
    const records = await this.#inventory.pod(podUid, options);
    return records.filter((record) =>
      record.container === container && record.state.kind !== "created"
    ).toSorted(byAttempt);
  }

  async #running(
    ref: ContainerRef,
    options: AbortOptions,
  ): Promise<ContainerRecord> {
    const run = (await this.#runs(ref, options)).at(-1);
    if (run?.state.kind === "running") return run;
    throw new Deno.errors.NotFound(
      `Cannot connect to container "${ref.container}": it does not run`,
    );
  }
}

async function apiRelay(
  { network, apiServer }: SandboxSpec,
  findTunnel: SshRuntimeOptions["tunnel"],
  options: AbortOptions,
): Promise<ApiRelay | undefined> {
  // On the host's network an address of our own would be everybody's.
  if (apiServer === undefined || network === "host") return undefined;
  const tunnel = await findTunnel?.(options);
  if (tunnel === undefined) return undefined;
  const { ip: host, port } = apiServer;
  return { server: { host, port }, directory: await tunnel.directory(options) };
}

/** The stream that `open` resolves to; it fails as that does. */
function later(
  open: () => Promise<ReadableStream<Uint8Array>>,
): ReadableStream<Uint8Array> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  open().then(
    (stream) => stream.pipeTo(writable),
    (error) => writable.abort(error),
  ).catch(() => undefined); // whoever reads has the error, or has gone
  return readable;
}

function noLog({ container }: ContainerRef, previous: boolean): Error {
  const which = previous ? "previous run of container" : "container";
  return new Deno.errors.NotFound(
    `Cannot read the log of ${which} "${container}": there is none`,
  );
}

import type { AbortOptions } from "../../async/abort.ts";
import { ChangeFeed } from "../../async/change_feed.ts";
import type { MetricFamily } from "../../async/metric_text.ts";
import { RuntimeError } from "../errors.ts";
import type {
  ContainerResources,
  ContainerSpec,
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
  VolumeFileRef,
} from "../runtime.ts";
import type { ServerAddress } from "../provider.ts";
import type { RuntimeStats } from "../samples.ts";
import { adoptPods, type Pod } from "./adoption.ts";
import type { ControlGroups } from "./control_groups.ts";
import { guestTraits } from "./guest_traits.ts";
import { httpMetrics } from "./http_metrics.ts";
import { httpAnnotations } from "./http_settings.ts";
import { RuntimeImages } from "./images.ts";
import { programOf } from "./located_module.ts";
import { isolateGuests } from "./machine_isolation.ts";
import { makeVolume } from "./make_volume.ts";
import { podHttpUsage } from "./pod_http_usage.ts";
import { PodNetworks } from "./pod_networks.ts";
import { type PodRecord, StateRecords } from "./records.ts";
import { readVolumeFile } from "./read_volume_file.ts";
import { killRun, observeRuns, type Run } from "./run.ts";
import { readRunLog } from "./run_logs.ts";
import { RunStarter } from "./run_starter.ts";
import { V8Engine } from "./v8_engine.ts";
import { runnerLaunch } from "./runner_launch.ts";
import type { SpareRunners } from "./spare_runners.ts";
import type { WasmRuntimeOptions } from "./runtime_options.ts";
import { RuntimeUsage } from "./runtime_usage.ts";
import { StateLock } from "./state_lock.ts";
import { connectTcp } from "./tcp_connection.ts";
import { defaultUserIds, freeUserId, type UserIdRange } from "./user_ids.ts";

/**
 * Runs WASI modules, each container in a child process of its own, and keeps what the next agent
 * must know in a state directory, which it locks.
 *
 * Children end with the agent. Runs that an earlier agent did not see end are taken over as
 * `ContainerStatusUnknown`.
 */
export class WasmRuntime implements ContainerRuntime, AsyncDisposable {
  /** Our own, and those of containerd's shims (runwasi) that run the same images. */
  readonly handlers = ["farlet", "wasm", "wasmtime", "wasmedge", "wasmer"];
  readonly #records: StateRecords;
  readonly #images: RuntimeImages;
  readonly #starter: RunStarter;
  readonly #lock: StateLock;
  readonly #groups: ControlGroups | undefined;
  /** Undefined where guests stay the agent's user. */
  readonly #userIds: UserIdRange | undefined;
  readonly #pods: Map<string, Pod>;
  readonly #feed = new ChangeFeed<string>();
  readonly #usage: RuntimeUsage;
  readonly #networks: PodNetworks;
  readonly #spares: SpareRunners | undefined;

  private constructor(
    {
      stateDir,
      allowLocalModules = [],
      insecureRegistries = [],
      env = {},
      runnerCommand,
      userIds,
      engine,
      spareRunners = 0,
    }: WasmRuntimeOptions,
    { records, pods, lock, groups, networks }: {
      readonly records: StateRecords;
      readonly pods: Map<string, Pod>;
      readonly lock: StateLock;
      readonly groups: ControlGroups | undefined;
      readonly networks: PodNetworks;
    },
  ) {
    this.#records = records;
    this.#userIds = userIds;
    this.#pods = pods;
    this.#images = new RuntimeImages({
      ...{ stateDir, allowLocalModules, env, insecureRegistries },
      user: userIds?.first ?? Deno.uid() ?? undefined,
    });
    const launch = runnerLaunch(stateDir, runnerCommand, spareRunners);
    this.#spares = launch.spares;
    this.#starter = new RunStarter(records, launch, {
      engine: engine ?? new V8Engine(),
      groups,
    });
    this.#groups = groups;
    this.#lock = lock;
    this.#usage = new RuntimeUsage(records);
    this.#networks = networks;
  }

  /** Locks the state directory and takes over what is in it. Fails if another agent has it. */
  static async open(options: WasmRuntimeOptions): Promise<WasmRuntime> {
    const { stateDir } = options;
    await Deno.mkdir(stateDir, { recursive: true, mode: 0o700 });
    if (Deno.build.os !== "windows") await Deno.chmod(stateDir, 0o700);
    const lock = await StateLock.acquire(stateDir);
    try {
      const records = new StateRecords(stateDir);
      const { userIds = defaultUserIds, ...others } = options;
      options = guestTraits().choosesUsers ? { userIds, ...others } : others;
      const pods = await adoptPods(records);
      const groups = await isolateGuests(stateDir);
      const networks = await PodNetworks.open(pods, options);
      const state = { records, pods, lock, groups, networks };
      return new WasmRuntime(options, state);
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  /** Kills what still runs, records that, and lets go of the state directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    const runs = [...this.#pods.values()].flatMap(allRuns);
    await Promise.all(runs.map(killRun));
    await this.#usage[Symbol.asyncDispose]();
    await this.#images[Symbol.asyncDispose]();
    await this.#spares?.[Symbol.asyncDispose]();
    await this.#groups?.remove();
    await this.#networks[Symbol.asyncDispose]();
    this.#lock[Symbol.dispose]();
  }

  listPods(_options: AbortOptions): Promise<readonly PodIdentity[]> {
    const pods = [...this.#pods.values()].map(({ record }) => record);
    return Promise.resolve(
      pods.map(({ uid, namespace, name }) => ({ uid, namespace, name })),
    );
  }

  observe(podUid: string, _options: AbortOptions): Promise<ObservedPod> {
    const pod = this.#pods.get(podUid);
    return Promise.resolve({
      uid: podUid,
      sandbox: pod === undefined ? "absent" : "ready",
      ips: this.#networks.ipsOf(podUid),
      containers: [...pod?.runs.values() ?? []].flatMap(observeRuns),
    });
  }

  changes(options: AbortOptions): AsyncIterable<string> {
    return this.#feed.changes(options, () => this.#pods.keys());
  }

  async createSandbox(
    spec: SandboxSpec,
    _options: AbortOptions,
  ): Promise<void> {
    const { uid, namespace, name, hostname } = spec;
    if (this.#pods.has(uid)) return;
    await this.#networks.create(spec, async (network) => {
      const record = {
        ...{ uid, namespace, name, hostname, network, volumes: {} },
        http: httpAnnotations(spec.annotations),
        ...this.#newUser(),
      };
      // At once: no other pod may get what it has.
      this.#pods.set(uid, { record, runs: new Map() });
      try {
        await this.#records.writePod(record);
      } catch (error) {
        this.#pods.delete(uid);
        throw error;
      }
    });
    this.#feed.notify(uid);
  }

  async removeSandbox(podUid: string, _options: AbortOptions): Promise<void> {
    const pod = this.#pods.get(podUid);
    if (pod !== undefined) await Promise.all(allRuns(pod).map(killRun));
    await this.#records.removePod(podUid);
    if (this.#pods.delete(podUid)) this.#feed.notify(podUid);
  }

  async endSandbox(podUid: string, _options: AbortOptions): Promise<void> {
    const pod = this.#pods.get(podUid);
    if (pod === undefined) return;
    pod.record = await this.#records.endPod(pod.record);
  }

  get imageAccess(): KeptText {
    return this.#images.access;
  }

  checkImageName(image: string): void {
    this.#images.check(image);
  }

  async findImage(
    image: string,
    _options: AbortOptions,
  ): Promise<LocalImage | undefined> {
    return await this.#images.find(image);
  }

  async pullImage(
    image: string,
    options: PullOptions & AbortOptions,
  ): Promise<PulledImage> {
    return await this.#images.pull(image, options);
  }

  async checkImage(image: string, options: AbortOptions): Promise<void> {
    const found = await this.#images.locateNow(image, options);
    // Which file of an image a container starts, its command may say.
    if (found.kind === "module") await this.#starter.check(image, found);
  }

  /** Removes images that were pulled and that no container has. */
  async reclaim(options: AbortOptions): Promise<void> {
    await this.#images.reclaim(options);
  }

  async setVolume(
    podUid: string,
    volume: VolumeSpec,
    _options: AbortOptions,
  ): Promise<void> {
    const pod = this.#pod(podUid);
    const { name, kind } = volume;
    const directory = this.#records.volumeDir(podUid, name);
    await makeVolume(volume, directory, pod.record.userId);
    const hostPath = volume.kind === "hostPath" ? volume.path : undefined;
    const known = pod.record.volumes[name];
    if (known?.kind === kind && known.hostPath === hostPath) return;
    const made = hostPath === undefined ? { kind } : { kind, hostPath };
    const volumes = { ...pod.record.volumes, [name]: made };
    pod.record = { ...pod.record, volumes };
    await this.#records.writePod(pod.record);
  }

  async readVolumeFile(
    { podUid, volume, path }: VolumeFileRef,
    _options: AbortOptions,
  ): Promise<string | undefined> {
    const directory = this.#records.volumeDir(podUid, volume);
    return await readVolumeFile(directory, path);
  }

  async startContainer(
    podUid: string,
    spec: ContainerSpec,
    { signal }: AbortOptions,
  ): Promise<void> {
    const pod = this.#pod(podUid);
    const runs = pod.runs.get(spec.name) ?? [];
    const newest = runs.at(-1);
    if (newest !== undefined) {
      if (newest.record.attempt >= spec.attempt) return;
      if (newest.exit === undefined) {
        throw new RuntimeError(
          "RunContainerError",
          `Cannot start container "${spec.name}": its run before still goes on`,
        );
      }
    }
    const program = await programOf(await this.#images.locate(spec), spec);
    signal.throwIfAborted();
    const run = await this.#starter.start(pod.record, spec, program);
    const kept = [...runs, run].slice(-2);
    pod.runs.set(spec.name, kept);
    run.ended.then(() => this.#feed.notify(podUid));
    this.#feed.notify(podUid);
    for (const old of runs) {
      if (!kept.includes(old)) await this.#starter.discard(old);
    }
  }

  async stopContainer(
    ref: ContainerRef,
    options: AbortOptions & { readonly graceSeconds: number },
  ): Promise<void> {
    const run = this.#newestRun(ref);
    if (run?.exit !== undefined) return;
    await run?.guest?.stop(options);
    await run?.ended;
  }

  async updateContainer(
    ref: ContainerRef,
    resources: ContainerResources,
    _options: AbortOptions,
  ): Promise<void> {
    const run = this.#newestRun(ref);
    if (run?.exit === undefined) await run?.limits?.update(resources);
  }

  readLogs(
    ref: ContainerRef,
    options: LogOptions & AbortOptions,
  ): ReadableStream<Uint8Array> {
    const runs = this.#pods.get(ref.podUid)?.runs.get(ref.container) ?? [];
    return readRunLog(ref.container, runs, options);
  }

  async exec(
    ref: ContainerRef,
    command: readonly string[],
    options: ProcessStreams & AbortOptions,
  ): Promise<number> {
    const { record, execs } = this.#runningRun(ref);
    if (!await this.#images.has(record)) {
      throw new Error(
        `Cannot run a command in container "${ref.container}": its module was replaced or removed since it started`,
      );
    }
    return await execs.run(command, options);
  }

  async attach(
    ref: ContainerRef,
    options: ProcessStreams & AbortOptions,
  ): Promise<void> {
    const run = this.#runningRun(ref);
    await run.guest.attach({ ...options, stdinOnce: run.stdinOnce ?? false });
    await run.ended;
  }

  async portForward(
    podUid: string,
    port: number,
    options: AbortOptions,
  ): Promise<PortConnection> {
    return await this.#networks.connect(podUid, port, options);
  }

  async dial(
    address: ServerAddress,
    options: AbortOptions,
  ): Promise<PortConnection> {
    return await connectTcp(address, options);
  }

  /** What `/metrics` tells of the guests that answer HTTP requests. */
  async metrics(): Promise<readonly MetricFamily[]> {
    return httpMetrics(await podHttpUsage(this.#pods));
  }

  stats(options: AbortOptions): Promise<RuntimeStats> {
    return this.#usage.sample(this.#pods, options);
  }

  /** A user that no pod has; none where guests stay the agent's. */
  #newUser(): Pick<PodRecord, "userId"> {
    if (this.#userIds === undefined) return {};
    const taken = [...this.#pods.values()].map(({ record }) => record.userId);
    return { userId: freeUserId(this.#userIds, taken) };
  }

  #pod(uid: string): Pod {
    const pod = this.#pods.get(uid);
    if (pod !== undefined) return pod;
    throw new RuntimeError(
      "CreateContainerError",
      `Cannot use pod "${uid}": it has no sandbox here`,
    );
  }

  #runningRun(ref: ContainerRef) {
    const run = this.#newestRun(ref);
    const { guest, execs, exit } = run ?? {};
    if (run && guest && execs && exit === undefined) {
      return { ...run, guest, execs };
    }
    throw new Deno.errors.NotFound(
      `Cannot connect to container "${ref.container}": it does not run`,
    );
  }

  #newestRun({ podUid, container }: ContainerRef): Run | undefined {
    return this.#pods.get(podUid)?.runs.get(container)?.at(-1);
  }
}

function allRuns({ runs }: Pod): readonly Run[] {
  return [...runs.values()].flat();
}

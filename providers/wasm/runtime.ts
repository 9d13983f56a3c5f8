import type { AbortOptions } from "../../async/abort.ts";
import { ChangeFeed } from "../../async/change_feed.ts";
import { RuntimeError } from "../errors.ts";
import { checkHostPath } from "../host_path.ts";
import { readLogFile } from "../log_reader.ts";
import type {
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
  ProcessStreams,
  PulledImage,
  PullOptions,
  VolumeFileRef,
} from "../runtime.ts";
import type { RuntimeStats } from "../samples.ts";
import { writeVolumeFiles } from "../volume_dir.ts";
import { adoptPods, type Pod } from "./adoption.ts";
import { RuntimeImages } from "./images.ts";
import { programOf } from "./located_module.ts";
import { StateRecords } from "./records.ts";
import { readVolumeFile } from "./read_volume_file.ts";
import { logPath, observeRuns, type Run } from "./run.ts";
import { RunStarter } from "./run_starter.ts";
import { runnerLaunch } from "./runner_launch.ts";
import { RuntimeUsage } from "./runtime_usage.ts";
import { StateLock } from "./state_lock.ts";

/** Options for {@linkcode WasmRuntime.open}. */
export interface WasmRuntimeOptions {
  /** An absolute path; made with mode 0700 if it is missing. */
  readonly stateDir: string;
  /** Directories below which `file://` images may be; none by default. */
  readonly allowLocalModules?: readonly string[];
  /** Says where the user's registry credentials are: `HOME`, `DOCKER_CONFIG`, …; empty by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The program and arguments of a runner process; by default this program itself. */
  readonly runnerCommand?: readonly string[];
}

/**
 * Runs WASI modules, each container in a child process of its own, and keeps what the next agent
 * must know in a state directory, which it locks.
 *
 * Children end with the agent. Runs that an earlier agent did not see end are taken over as
 * `ContainerStatusUnknown`.
 */
export class WasmRuntime implements ContainerRuntime, AsyncDisposable {
  readonly #records: StateRecords;
  readonly #images: RuntimeImages;
  readonly #starter: RunStarter;
  readonly #lock: StateLock;
  readonly #pods: Map<string, Pod>;
  readonly #feed = new ChangeFeed<string>();
  readonly #usage: RuntimeUsage;

  private constructor(
    { stateDir, allowLocalModules = [], env = {}, runnerCommand }:
      WasmRuntimeOptions,
    records: StateRecords,
    pods: Map<string, Pod>,
    lock: StateLock,
  ) {
    this.#records = records;
    this.#pods = pods;
    this.#images = new RuntimeImages({ stateDir, allowLocalModules, env });
    const launch = runnerLaunch(stateDir, runnerCommand);
    this.#starter = new RunStarter(records, launch);
    this.#lock = lock;
    this.#usage = new RuntimeUsage(records);
  }

  /** Locks the state directory and takes over what is in it. Fails if another agent has it. */
  static async open(options: WasmRuntimeOptions): Promise<WasmRuntime> {
    const { stateDir } = options;
    await Deno.mkdir(stateDir, { recursive: true, mode: 0o700 });
    if (Deno.build.os !== "windows") await Deno.chmod(stateDir, 0o700);
    const lock = await StateLock.acquire(stateDir);
    try {
      const records = new StateRecords(stateDir);
      return new WasmRuntime(options, records, await adoptPods(records), lock);
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  /** Kills what still runs, records that, and lets go of the state directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    const runs = [...this.#pods.values()].flatMap(allRuns);
    await Promise.all(runs.map(kill));
    await this.#usage[Symbol.asyncDispose]();
    await this.#images[Symbol.asyncDispose]();
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
      ips: [],
      containers: [...pod?.runs.values() ?? []].flatMap(observeRuns),
    });
  }

  changes(options: AbortOptions): AsyncIterable<string> {
    return this.#feed.changes(options, () => this.#pods.keys());
  }

  async createSandbox(
    { uid, namespace, name, hostname }: SandboxSpec,
    _options: AbortOptions,
  ): Promise<void> {
    if (this.#pods.has(uid)) return;
    const record = { uid, namespace, name, hostname, volumes: {} };
    await this.#records.writePod(record);
    this.#pods.set(uid, { record, runs: new Map() });
    this.#feed.notify(uid);
  }

  async removeSandbox(podUid: string, _options: AbortOptions): Promise<void> {
    const pod = this.#pods.get(podUid);
    if (pod !== undefined) await Promise.all(allRuns(pod).map(kill));
    await this.#records.removePod(podUid);
    if (this.#pods.delete(podUid)) this.#feed.notify(podUid);
  }

  async endSandbox(podUid: string, _options: AbortOptions): Promise<void> {
    const pod = this.#pods.get(podUid);
    if (pod === undefined) return;
    for (const [name, { kind }] of Object.entries(pod.record.volumes)) {
      if (kind === "hostPath") continue;
      await this.#records.removeVolume(podUid, name);
    }
    if (Object.keys(pod.record.volumes).length === 0) return;
    pod.record = { ...pod.record, volumes: {} };
    await this.#records.writePod(pod.record);
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
    switch (volume.kind) {
      case "files":
        await writeVolumeFiles(directory, volume.files);
        break;
      case "emptyDir":
        await makeEmptyDir(directory);
        break;
      case "hostPath":
        await checkHostPath(volume);
        break;
    }
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

  readLogs(
    { podUid, container }: ContainerRef,
    { previous, ...options }: LogOptions & AbortOptions,
  ): ReadableStream<Uint8Array> {
    const runs = this.#pods.get(podUid)?.runs.get(container);
    const run = runs?.at(previous ? -2 : -1);
    if (run === undefined) {
      const which = previous ? "previous run of container" : "container";
      return failed(
        new Deno.errors.NotFound(
          `Cannot read the log of ${which} "${container}": there is none`,
        ),
      );
    }
    const { log } = run;
    return readLogFile(
      logPath(run.dir),
      log === undefined ? options : { ...options, live: log },
    );
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

  stats(options: AbortOptions): Promise<RuntimeStats> {
    return this.#usage.sample(this.#pods, options);
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

async function kill(run: Run): Promise<void> {
  if (run.exit === undefined) run.guest?.kill("SIGKILL");
  await run.ended;
}

async function makeEmptyDir(directory: string): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  // Exactly so, whatever the umask is: any container of the pod may write.
  if (Deno.build.os !== "windows") await Deno.chmod(directory, 0o777);
}

function failed(error: Error): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.error(error) });
}

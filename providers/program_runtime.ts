import type { AbortOptions } from "../async/abort.ts";
import { ChangeFeed } from "../async/change_feed.ts";
import { RuntimeError } from "./errors.ts";
import { PodPorts } from "./pod_ports.ts";
import { ProgramVolumes } from "./program_files.ts";
import type { Program } from "./program_host.ts";
import { type ProgramPod, ProgramRun } from "./program_run.ts";
import type {
  ContainerSpec,
  SandboxSpec,
  VolumeSpec,
} from "./container_spec.ts";
import type {
  ContainerRef,
  ContainerRuntime,
  LocalImage,
  LogOptions,
  ObservedContainer,
  ObservedPod,
  PodIdentity,
  PortConnection,
  ProcessStreams,
  VolumeFileRef,
} from "./runtime.ts";
import type { ContainerSample, RuntimeStats } from "./samples.ts";

interface Sandbox extends ProgramPod {
  readonly identity: PodIdentity;
  /** The runs of each container, oldest first; the newest two are kept. */
  readonly runs: Map<string, readonly ProgramRun[]>;
}

/** What a running container uses. */
export type ProgramUsage = Pick<ContainerSample, "cpuNanos" | "memoryBytes">;

/** What {@linkcode ProgramRuntime} runs. */
export interface ProgramRuntimeOptions {
  readonly run: Program;
  /** Runs the commands of exec; as containers, by `run`, unless given. */
  readonly exec?: Program;
  /** Whether an image is at hand; each one is unless this says no. */
  readonly hasImage?: (image: string) => boolean;
  /** What a container that started then uses now; without it, nobody can ask. */
  readonly usage?: (
    container: ContainerRef & { readonly startedAt: Date },
  ) => ProgramUsage;
}

/**
 * Runs each container as a function of this process, and keeps all else that a runtime needs in
 * memory: logs, volumes, ports, exits. The shortest way to a provider of one's own.
 */
export class ProgramRuntime implements ContainerRuntime, AsyncDisposable {
  readonly #run: Program;
  readonly #exec: Program;
  readonly #hasImage: (image: string) => boolean;
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #feed = new ChangeFeed<string>();

  readonly stats?: NonNullable<ContainerRuntime["stats"]>;

  constructor(
    { run, exec = run, hasImage = () => true, usage }: ProgramRuntimeOptions,
  ) {
    this.#run = run;
    this.#exec = exec;
    this.#hasImage = hasImage;
    if (usage) this.stats = () => Promise.resolve(this.#sample(usage));
  }

  listPods(_options: AbortOptions): Promise<readonly PodIdentity[]> {
    return Promise.resolve(
      [...this.#sandboxes.values()].map(({ identity }) => identity),
    );
  }

  observe(uid: string, _options: AbortOptions): Promise<ObservedPod> {
    const sandbox = this.#sandboxes.get(uid);
    return Promise.resolve({
      uid,
      sandbox: sandbox === undefined ? "absent" : "ready",
      ips: [],
      containers: [...sandbox?.runs.values() ?? []].flatMap(observeRuns),
    });
  }

  changes(options: AbortOptions): AsyncIterable<string> {
    return this.#feed.changes(options, () => this.#sandboxes.keys());
  }

  createSandbox(
    { uid, namespace, name }: SandboxSpec,
    _options: AbortOptions,
  ): Promise<void> {
    if (!this.#sandboxes.has(uid)) {
      const identity = { uid, namespace, name };
      this.#sandboxes.set(uid, {
        identity,
        volumes: new ProgramVolumes(),
        ports: new PodPorts(),
        runs: new Map(),
      });
    }
    return Promise.resolve();
  }

  async removeSandbox(uid: string, _options: AbortOptions): Promise<void> {
    const runs = [...this.#sandboxes.get(uid)?.runs.values() ?? []].flat();
    for (const run of runs) run.kill(9);
    await Promise.all(runs.map(({ ended }) => ended));
    this.#sandboxes.delete(uid);
  }

  findImage(
    image: string,
    _options: AbortOptions,
  ): Promise<LocalImage | undefined> {
    return Promise.resolve(
      this.#hasImage(image) ? { imageId: image } : undefined,
    );
  }

  async pullImage(image: string, options: AbortOptions): Promise<LocalImage> {
    const local = await this.findImage(image, options);
    if (local !== undefined) return local;
    throw new RuntimeError("ErrImagePull", `image "${image}" does not exist`);
  }

  setVolume(
    uid: string,
    volume: VolumeSpec,
    _options: AbortOptions,
  ): Promise<void> {
    this.#sandbox(uid).volumes.set(volume);
    return Promise.resolve();
  }

  readVolumeFile(
    { podUid, volume, path }: VolumeFileRef,
    _options: AbortOptions,
  ): Promise<string | undefined> {
    const files = this.#sandbox(podUid).volumes.get(volume);
    return Promise.resolve(files?.get(path));
  }

  startContainer(
    uid: string,
    spec: ContainerSpec,
    _options: AbortOptions,
  ): Promise<void> {
    const sandbox = this.#sandbox(uid);
    const runs = sandbox.runs.get(spec.name) ?? [];
    const newest = runs.at(-1);
    if (newest?.spec.attempt === spec.attempt) return Promise.resolve();
    const run = new ProgramRun(this.#run, spec, sandbox);
    sandbox.runs.set(spec.name, [...runs.slice(-1), run]);
    run.ended.then(() => this.#feed.notify(uid));
    return Promise.resolve();
  }

  async stopContainer(
    ref: ContainerRef,
    options: AbortOptions & { readonly graceSeconds: number },
  ): Promise<void> {
    await this.#newestRun(ref)?.stop(options);
  }

  async exec(
    ref: ContainerRef,
    command: readonly string[],
    options: ProcessStreams & AbortOptions,
  ): Promise<number> {
    return await this.#running(ref).exec(this.#exec, command, options);
  }

  async attach(
    ref: ContainerRef,
    options: ProcessStreams & AbortOptions,
  ): Promise<void> {
    await this.#running(ref).attach(options);
  }

  async portForward(
    podUid: string,
    port: number,
    options: AbortOptions,
  ): Promise<PortConnection> {
    const sandbox = this.#sandboxes.get(podUid);
    const runs = [...sandbox?.runs.values() ?? []].flat();
    if (sandbox !== undefined && runs.some(({ exit }) => exit === undefined)) {
      return await Promise.resolve(sandbox.ports.connect(port, options));
    }
    throw new Deno.errors.NotFound(
      `Cannot connect to port ${port}: the pod does not run`,
    );
  }

  readLogs(
    { podUid, container }: ContainerRef,
    options: LogOptions & AbortOptions,
  ): ReadableStream<Uint8Array> {
    const runs = this.#sandboxes.get(podUid)?.runs.get(container) ?? [];
    const run = runs.at(options.previous ? -2 : -1);
    if (run !== undefined) return run.log.read(options);
    const error = new Deno.errors.NotFound(`No log of container ${container}`);
    return new ReadableStream({ start: (stream) => stream.error(error) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { signal } = new AbortController();
    const uids = [...this.#sandboxes.keys()];
    await Promise.all(uids.map((uid) => this.removeSandbox(uid, { signal })));
  }

  #sandbox(uid: string): Sandbox {
    const sandbox = this.#sandboxes.get(uid);
    if (sandbox !== undefined) return sandbox;
    throw new RuntimeError("CreateContainerError", `Pod ${uid} has no sandbox`);
  }

  #newestRun({ podUid, container }: ContainerRef): ProgramRun | undefined {
    return this.#sandboxes.get(podUid)?.runs.get(container)?.at(-1);
  }

  #running(ref: ContainerRef): ProgramRun {
    const run = this.#newestRun(ref);
    if (run !== undefined && run.exit === undefined) return run;
    throw new Deno.errors.NotFound(
      `Cannot connect to container "${ref.container}": it does not run`,
    );
  }

  #sample(usage: NonNullable<ProgramRuntimeOptions["usage"]>): RuntimeStats {
    const containers: ContainerSample[] = [];
    for (const [podUid, { runs }] of this.#sandboxes) {
      for (const { spec, startedAt, exit, log } of [...runs.values()].flat()) {
        if (exit !== undefined) continue;
        const container = { podUid, container: spec.name, startedAt };
        const at = new Date();
        const logBytes = log.byteLength;
        containers.push({ ...container, at, ...usage(container), logBytes });
      }
    }
    const volumes = [...this.#sandboxes].flatMap(([uid, { volumes }]) =>
      volumes.sample(uid)
    );
    return { containers, volumes };
  }
}

function observeRuns(runs: readonly ProgramRun[]): ObservedContainer[] {
  const [run, before] = [runs.at(-1), runs.at(-2)];
  if (run === undefined) return [];
  const { spec, startedAt, exit } = run;
  return [{
    name: spec.name,
    attempt: spec.attempt,
    id: run.id,
    image: spec.image,
    imageId: spec.imageId,
    state: exit === undefined
      ? { kind: "running", startedAt }
      : { kind: "terminated", exit },
    ...(before?.exit ? { lastExit: { ...before.exit, id: before.id } } : {}),
  }];
}

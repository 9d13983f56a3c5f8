import type { AbortOptions } from "../../async/abort.ts";
import { ChangeFeed } from "../../async/change_feed.ts";
import { RuntimeError } from "../errors.ts";
import type {
  ContainerRef,
  ContainerRuntime,
  ContainerSpec,
  Exit,
  LocalImage,
  LogOptions,
  ObservedContainer,
  ObservedPod,
  PodIdentity,
  SandboxSpec,
  VolumeMount,
  VolumeSpec,
} from "../runtime.ts";
import { MemoryLog } from "./log.ts";
import { runProgram } from "./program.ts";

interface Run {
  readonly id: string;
  readonly spec: ContainerSpec;
  readonly log: MemoryLog;
  readonly startedAt: Date;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  exit?: Exit;
}

interface Sandbox {
  readonly identity: PodIdentity;
  readonly volumes: Map<string, Map<string, string>>;
  /** The runs of each container, oldest first; the newest two are kept. */
  readonly runs: Map<string, Run[]>;
}

/**
 * Simulates containers in memory: the reference implementation of `ContainerRuntime`, for tests,
 * benchmarks and trying farlet out. Every image is at hand, except those whose name starts with
 * `missing`. What a container "runs" is told by its args: see `runProgram`.
 */
export class MemoryRuntime implements ContainerRuntime, AsyncDisposable {
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #feed = new ChangeFeed<string>();

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
        volumes: new Map(),
        runs: new Map(),
      });
    }
    return Promise.resolve();
  }

  async removeSandbox(uid: string, _options: AbortOptions): Promise<void> {
    const runs = [...this.#sandboxes.get(uid)?.runs.values() ?? []].flat();
    for (const { stop } of runs) stop.abort(new Killed(9));
    await Promise.all(runs.map(({ ended }) => ended));
    this.#sandboxes.delete(uid);
  }

  findImage(
    image: string,
    _options: AbortOptions,
  ): Promise<LocalImage | undefined> {
    return Promise.resolve(
      image.startsWith("missing") ? undefined : { imageId: `memory:${image}` },
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
    const { volumes } = this.#sandbox(uid);
    if (volume.kind === "hostPath") {
      const message = "A simulated pod cannot see the host's files";
      throw new RuntimeError("CreateContainerConfigError", message);
    }
    if (volume.kind === "files") {
      const decoder = new TextDecoder();
      const files = volume.files.map(({ path, content }) =>
        [path, decoder.decode(content)] as const
      );
      volumes.set(volume.name, new Map(files));
    } else if (!volumes.has(volume.name)) {
      volumes.set(volume.name, new Map());
    }
    return Promise.resolve();
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
    const stop = new AbortController();
    const log = new MemoryLog();
    const ended = Promise.withResolvers<void>();
    const run: Run = {
      id: crypto.randomUUID(),
      spec,
      log,
      startedAt: new Date(),
      stop,
      ended: ended.promise,
    };
    sandbox.runs.set(spec.name, [...runs.slice(-1), run]);
    this.#execute(sandbox, run).then(ended.resolve, ended.reject);
    return Promise.resolve();
  }

  async stopContainer(
    { podUid, container }: ContainerRef,
    _options: AbortOptions & { readonly graceSeconds: number },
  ): Promise<void> {
    const run = this.#sandboxes.get(podUid)?.runs.get(container)?.at(-1);
    // A simulated program never ignores SIGTERM, so no grace is ever needed.
    run?.stop.abort(new Killed(15));
    await run?.ended;
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

  async #execute({ identity, volumes }: Sandbox, run: Run): Promise<void> {
    const { spec, log, stop, startedAt } = run;
    let message: string | undefined;
    const result = await runProgram({
      args: [...spec.command ?? [], ...spec.args ?? []],
      env: spec.env,
      print: (stream, text) => log.append(stream, text),
      read: (path) => {
        const file = locate(spec.mounts, volumes, path);
        return file?.files.get(file.path);
      },
      write: (path, text) => {
        const file = locate(spec.mounts, volumes, path);
        if (file) file.files.set(file.path, text);
        else if (path === spec.terminationMessagePath) message = text;
      },
      signal: stop.signal,
    }).catch((error: unknown) => {
      if (error instanceof Killed) return error;
      throw error;
    });
    run.exit = exitOf(result, startedAt, message);
    log.end();
    this.#feed.notify(identity.uid);
  }
}

/** Why a simulated program was stopped. */
class Killed extends Error {
  override readonly name = "Killed";
  readonly signal: number;

  constructor(signal: number) {
    super(`Killed by signal ${signal}`);
    this.signal = signal;
  }
}

function observeRuns(runs: readonly Run[]): ObservedContainer[] {
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
    ...(before?.exit
      ? { lastExit: { ...before.exit, id: before.id } }
      : {}),
  }];
}

function exitOf(
  result: number | Killed,
  startedAt: Date,
  message: string | undefined,
): Exit {
  const killed = result instanceof Killed ? result.signal : undefined;
  const code = result instanceof Killed ? 128 + result.signal : result;
  return {
    code,
    ...(killed === undefined ? {} : { signal: killed }),
    reason: code === 0 ? "Completed" : "Error",
    ...(message === undefined ? {} : { message }),
    startedAt,
    finishedAt: new Date(),
  };
}

/** The file of a volume that a path in the container means. */
function locate(
  mounts: readonly VolumeMount[],
  volumes: ReadonlyMap<string, Map<string, string>>,
  path: string,
): { readonly files: Map<string, string>; readonly path: string } | undefined {
  const mount =
    mounts.filter(({ mountPath }) => path.startsWith(`${mountPath}/`))
      .toSorted((a, b) => b.mountPath.length - a.mountPath.length)[0];
  const files = mount && volumes.get(mount.volume);
  if (!files) return undefined;
  const inside = path.slice(mount.mountPath.length + 1);
  return {
    files,
    path: mount.subPath === undefined ? inside : `${mount.subPath}/${inside}`,
  };
}

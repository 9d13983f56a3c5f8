import { abortable, type AbortOptions } from "../async/abort.ts";
import { ChangeFeed } from "../async/change_feed.ts";
import { Deadline } from "../async/deadline.ts";
import { RuntimeError } from "./errors.ts";
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
} from "./runtime.ts";
import { ProgramLog } from "./program_log.ts";

interface Run {
  readonly id: string;
  readonly spec: ContainerSpec;
  readonly log: ProgramLog;
  readonly startedAt: Date;
  readonly stop: AbortController;
  readonly kill: AbortController;
  /** Resolves when the program has ended; never rejects. */
  ended: Promise<void>;
  exit?: Exit;
}

interface Sandbox {
  readonly identity: PodIdentity;
  readonly volumes: Map<string, Map<string, string>>;
  /** The runs of each container, oldest first; the newest two are kept. */
  readonly runs: Map<string, Run[]>;
}

/** One run of a container, as its {@linkcode Program} sees it. */
export interface ProgramHost {
  readonly image: string;
  /** The container's command and args. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Aborts when the program is asked to end (SIGTERM). */
  readonly signal: AbortSignal;
  /** Aborts when the program must end now (SIGKILL). */
  readonly kill: AbortSignal;
  /** Writes to the container's log; `text` may be any part of a line, or many. */
  print(stream: "stdout" | "stderr", text: string): void;
  /** A file of the container's volumes; undefined where there is none. */
  read(path: string): string | undefined;
  /** Writes a file of the container's volumes, or its termination message. */
  write(path: string, text: string): void;
}

/** Is a container: resolves with its exit code. Must end soon after `kill` aborts. */
export type Program = (host: ProgramHost) => Promise<number>;

/** What {@linkcode ProgramRuntime} runs. */
export interface ProgramRuntimeOptions {
  readonly run: Program;
  /** Whether an image is at hand; each one is unless this says no. */
  readonly hasImage?: (image: string) => boolean;
}

/**
 * Runs each container as a function of this process, and keeps all else that a runtime needs in
 * memory: logs, volumes, exits. The shortest way to a provider of one's own.
 */
export class ProgramRuntime implements ContainerRuntime, AsyncDisposable {
  readonly #run: Program;
  readonly #hasImage: (image: string) => boolean;
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #feed = new ChangeFeed<string>();

  constructor({ run, hasImage = () => true }: ProgramRuntimeOptions) {
    this.#run = run;
    this.#hasImage = hasImage;
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
        volumes: new Map(),
        runs: new Map(),
      });
    }
    return Promise.resolve();
  }

  async removeSandbox(uid: string, _options: AbortOptions): Promise<void> {
    const runs = [...this.#sandboxes.get(uid)?.runs.values() ?? []].flat();
    for (const { stop, kill, exit } of runs) {
      if (exit !== undefined) continue;
      stop.abort(new Killed(9));
      kill.abort(new Killed(9));
    }
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
    const { volumes } = this.#sandbox(uid);
    if (volume.kind === "hostPath") {
      const message = "This provider cannot show a pod the host's files";
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
    const log = new ProgramLog();
    const run: Run = {
      id: crypto.randomUUID(),
      spec,
      log,
      startedAt: new Date(),
      stop,
      kill: new AbortController(),
      ended: Promise.resolve(),
    };
    sandbox.runs.set(spec.name, [...runs.slice(-1), run]);
    run.ended = this.#execute(sandbox, run);
    return Promise.resolve();
  }

  async stopContainer(
    { podUid, container }: ContainerRef,
    { graceSeconds, signal }: AbortOptions & { readonly graceSeconds: number },
  ): Promise<void> {
    const run = this.#sandboxes.get(podUid)?.runs.get(container)?.at(-1);
    if (run === undefined || run.exit) return;
    using grace = new Deadline(graceSeconds * 1000, { signal });
    run.stop.abort(new Killed(15));
    try {
      await abortable(run.ended, grace);
    } catch (error) {
      if (!grace.expired) throw error;
      run.kill.abort(new Killed(9));
      await run.ended;
    }
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
    const { spec, log, stop, kill, startedAt } = run;
    let message: string | undefined;
    const result = await ending(this.#run({
      image: spec.image,
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
      kill: kill.signal,
    }));
    const killed = [kill, stop].map(({ signal }) => signal.reason)
      .find((reason) => reason instanceof Killed);
    run.exit = exitOf(result, killed, { startedAt, message });
    log.end();
    this.#feed.notify(identity.uid);
  }
}

/** How a program ended: with a code, or by throwing. */
async function ending(running: Promise<number>): Promise<number | Error> {
  try {
    return await running;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Why a program was asked to end. */
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
    ...(before?.exit ? { lastExit: { ...before.exit, id: before.id } } : {}),
  }];
}

/** A program that was asked to end, and did not say otherwise, ended by that signal. */
function exitOf(
  result: number | Error,
  killed: Killed | undefined,
  { startedAt, message }: {
    readonly startedAt: Date;
    readonly message: string | undefined;
  },
): Exit {
  const code = killed !== undefined
    ? 128 + killed.signal
    : typeof result === "number"
    ? result
    : 1;
  const said = message ??
    (killed === undefined && result instanceof Error
      ? result.message
      : undefined);
  return {
    code,
    ...(killed === undefined ? {} : { signal: killed.signal }),
    reason: code === 0 ? "Completed" : "Error",
    ...(said === undefined ? {} : { message: said }),
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

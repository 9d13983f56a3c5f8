import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AbortOptions } from "../../async/abort.ts";
import type { ContainerSpec, SandboxSpec } from "../container_spec.ts";
import type {
  ContainerRef,
  Exit,
  LogOptions,
  ObservedContainer,
  ProcessStreams,
} from "../runtime.ts";
import { plainContainer, plainSandbox } from "../test_specs.ts";
import { WasmRuntime } from "./runtime.ts";
import type { WasmRuntimeOptions } from "./runtime_options.ts";

/** The directory of the test modules. */
export const guests: string = fileURLToPath(
  new URL("../../tests/guests", import.meta.url),
);

/** The container that a {@linkcode Bench} starts. */
export const main: ContainerRef = { podUid: "uid-1", container: "main" };

/** For a guest with files of the machine: it is the agent's user, root as it may be. */
export const agentsUser: ContainerSpec["security"] = {
  ...plainContainer({ image: "", imageId: "" }).security,
  runAsUser: Deno.uid() ?? 0,
};

/** What a command did. */
export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Keeps what is written to it. */
export class Collected {
  readonly sink: WritableStream<Uint8Array>;
  text = "";

  constructor() {
    const decoder = new TextDecoder();
    this.sink = new WritableStream({
      write: (chunk) => {
        this.text += decoder.decode(chunk, { stream: true });
      },
    });
  }
}

/** For tests: a runtime over a temporary state directory, with one module that all containers run. */
export class Bench implements AsyncDisposable {
  readonly options: AbortOptions = { signal: AbortSignal.timeout(60_000) };
  readonly dir: string;
  readonly image: string;
  runtime: WasmRuntime;

  private constructor(dir: string, image: string, runtime: WasmRuntime) {
    this.dir = dir;
    this.image = image;
    this.runtime = runtime;
  }

  /** @param guest A file in `tests/guests`, without its ending. */
  static async open(
    guest = "guest",
    more: Partial<WasmRuntimeOptions> = {},
  ): Promise<Bench> {
    const dir = await Deno.makeTempDir();
    const runtime = await openRuntime(dir, more);
    const bench = new Bench(dir, `file://${guests}/${guest}.wasm`, runtime);
    await bench.createSandbox("uid-1");
    return bench;
  }

  get stateDir(): string {
    return join(this.dir, "state");
  }

  async reopen(): Promise<void> {
    await this.runtime[Symbol.asyncDispose]();
    this.runtime = await openRuntime(this.dir);
  }

  async createSandbox(
    uid: string,
    more: Partial<SandboxSpec> = {},
  ): Promise<void> {
    const identity = { uid, namespace: "default", name: `pod-${uid}` };
    await this.runtime.createSandbox(
      { ...plainSandbox(identity), hostname: "web-0", ...more },
      this.options,
    );
  }

  async start(
    args: readonly string[],
    more: Partial<ContainerSpec> = {},
    uid = "uid-1",
  ): Promise<void> {
    const { imageId } = await this.runtime.pullImage(this.image, this.options);
    await this.runtime.startContainer(uid, {
      ...plainContainer({ image: this.image, imageId }),
      args,
      ...more,
    }, this.options);
  }

  async container(
    name = "main",
    uid = "uid-1",
  ): Promise<ObservedContainer | undefined> {
    const { containers } = await this.runtime.observe(uid, this.options);
    return containers.find((each) => each.name === name);
  }

  /** Waits for a container to end. */
  async exit(name = "main", uid = "uid-1"): Promise<Exit> {
    const watching = new AbortController();
    const stop = AbortSignal.any([this.options.signal, watching.signal]);
    for await (const _ of this.runtime.changes({ signal: stop })) {
      const state = (await this.container(name, uid))?.state;
      if (state?.kind !== "terminated") continue;
      watching.abort();
      return state.exit;
    }
    throw new Error(`Container "${name}" did not end`);
  }

  /** Starts a container and waits for its end. */
  async run(
    args: readonly string[],
    more: Partial<ContainerSpec> = {},
  ): Promise<Exit> {
    await this.start(args, more);
    return await this.exit(more.name);
  }

  readLogs(
    more: Partial<LogOptions> = {},
    container = "main",
    podUid = "uid-1",
  ): ReadableStream<Uint8Array> {
    return this.runtime.readLogs({ podUid, container }, {
      follow: false,
      previous: false,
      timestamps: false,
      ...more,
      ...this.options,
    });
  }

  async logs(
    more: Partial<LogOptions> = {},
    container?: string,
    uid?: string,
  ): Promise<string> {
    return await new Response(this.readLogs(more, container, uid)).text();
  }

  /** Runs a command in the container, and gives what came of it. */
  async exec(
    command: readonly string[],
    more: ProcessStreams & Partial<AbortOptions> = {},
  ): Promise<ExecResult> {
    const [stdout, stderr] = [new Collected(), new Collected()];
    const code = await this.runtime.exec(main, command, {
      stdout: stdout.sink,
      ...(more.tty ? {} : { stderr: stderr.sink }),
      ...this.options,
      ...more,
    });
    return { code, stdout: stdout.text, stderr: stderr.text };
  }

  async stop(graceSeconds: number, container = "main"): Promise<void> {
    await this.runtime.stopContainer({ podUid: "uid-1", container }, {
      graceSeconds,
      ...this.options,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runtime[Symbol.asyncDispose]();
    await Deno.remove(this.dir, { recursive: true });
  }
}

/** A runtime over the state directory of a {@linkcode Bench}. */
export async function openRuntime(
  dir: string,
  more: Partial<WasmRuntimeOptions> = {},
): Promise<WasmRuntime> {
  return await WasmRuntime.open({
    stateDir: join(dir, "state"),
    allowLocalModules: [guests, dir],
    ...more,
  });
}

import { abortable, type AbortOptions } from "../../async/abort.ts";
import { getLogger } from "../../async/log.ts";
import { ConnectedStreams } from "../connected_streams.ts";
import type { LogStream } from "../log_line.ts";
import { pump } from "../pump.ts";
import type { ProcessStreams } from "../runtime.ts";
import { missingCommand, notFoundExitCode } from "./exec_command.ts";
import type { GuestSpec } from "./guest_spec.ts";
import type { RunLimits } from "./run_limits.ts";
import { type RunnerLaunch, RunnerProcess } from "./runner_process.ts";

/** The commands that run beside one run of a container, and end with it. */
export class GuestExecs {
  readonly #launch: RunnerLaunch;
  readonly #container: GuestSpec;
  /** Those that run, each with what settles when it has ended. */
  readonly #running = new Map<RunnerProcess, Promise<unknown>>();
  readonly #limits: RunLimits | undefined;
  readonly #starting = new Set<Promise<RunnerProcess>>();
  #closed = false;

  /**
   * @param container What the container was started with.
   * @param limits What they may use together with the container; none unless given.
   */
  constructor(
    launch: RunnerLaunch,
    container: GuestSpec,
    limits?: RunLimits,
  ) {
    this.#launch = launch;
    this.#container = container;
    this.#limits = limits;
  }

  /**
   * Runs a further instance of the module, in a process of its own, and resolves its exit code.
   * With a terminal the guest is told that there is one. A command that it does not have ends with
   * 127, and says so.
   */
  async run(
    command: readonly string[],
    { signal, ...options }: ProcessStreams & AbortOptions,
  ): Promise<number> {
    signal.throwIfAborted();
    if (this.#closed) {
      throw new Deno.errors.NotFound(
        "Cannot run a command: the container has ended",
      );
    }
    const { reportPath: _, ...container } = this.#container;
    const interrupted = new AbortController();
    using streams = new ConnectedStreams({
      ...options,
      interrupt: () => interrupted.abort(),
    });
    const missing = await missingCommand(container, command);
    if (missing !== undefined) {
      const text = new TextEncoder().encode(`farlet: ${missing}\n`);
      await streams.write("stderr", text);
      return notFoundExitCode;
    }
    const process = await this.#start({
      ...container,
      args: command,
      exec: true,
      // The container's own process has them.
      listeners: [],
      stdin: streams.stdin !== undefined,
      tty: options.tty ?? false,
    });
    const { status: ended } = process;
    const abort = () => process.kill("SIGKILL");
    if (signal.aborted || this.#closed) abort();
    const interrupt = () => process.kill("SIGINT");
    // Maybe before there was anybody to hear of it.
    if (interrupted.signal.aborted) interrupt();
    interrupted.signal.addEventListener("abort", interrupt, { once: true });
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await connect(process, streams, { signal });
    } finally {
      signal.removeEventListener("abort", abort);
      process.kill("SIGKILL");
      await ended;
      this.#running.delete(process);
    }
  }

  async #start(spec: GuestSpec): Promise<RunnerProcess> {
    const starting = RunnerProcess.start(this.#launch, spec, this.#limits);
    this.#starting.add(starting);
    try {
      const process = await starting;
      this.#running.set(process, process.status);
      return process;
    } finally {
      this.#starting.delete(starting);
    }
  }

  /** Kills those that run, lets none begin, and resolves when all have ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#starting);
    for (const process of this.#running.keys()) process.kill("SIGKILL");
    await Promise.all(this.#running.values());
  }
}

/** Resolves the exit code once all output was taken. */
async function connect(
  process: RunnerProcess,
  streams: ConnectedStreams,
  { signal }: AbortOptions,
): Promise<number> {
  const over = new AbortController();
  const either = { signal: AbortSignal.any([signal, over.signal]) };
  const input = feed(process, streams.stdin, either);
  const copy = (stream: LogStream) =>
    pump(process[stream], (chunk) => streams.write(stream, chunk), either)
      .catch((error) => {
        if (either.signal.aborted) return;
        // As with any pipe that nobody reads: the guest hears of it when it writes again.
        getLogger("wasm").debug("Lost the reader of a command", { error });
      });
  try {
    const [{ code }] = await Promise.all([
      abortable(process.status, { signal }),
      copy("stdout"),
      copy("stderr"),
    ]);
    signal.throwIfAborted();
    return code;
  } finally {
    over.abort();
    await input;
    await process.closeStdin();
  }
}

/** Never rejects. Without input of its own, the end of the pipe tells the runner that we are gone. */
async function feed(
  process: RunnerProcess,
  stdin: ReadableStream<Uint8Array> | undefined,
  { signal }: AbortOptions,
): Promise<void> {
  if (stdin === undefined) return;
  try {
    await pump(stdin, (chunk) => process.stdin.write(chunk), { signal });
    await process.closeStdin();
  } catch (error) {
    if (signal.aborted) return;
    // A guest may end without having read all of it.
    getLogger("wasm").debug("Ended the input of a command", { error });
  }
}

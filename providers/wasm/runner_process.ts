import { untilAborted } from "../../async/abort.ts";
import { Deadline } from "../../async/deadline.ts";
import { getLogger } from "../../async/log.ts";
import type { Semaphore } from "../../async/semaphore.ts";
import type { GuestSpec } from "./guest_spec.ts";
import type { RunLimits } from "./run_limits.ts";
import type { SpareRunners } from "./spare_runners.ts";
import { beyondPipe, specLine } from "./spec_line.ts";

/** How runner processes are started. */
export interface RunnerLaunch {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly cwd: string;
  /** The whole environment of the runner; the guest's is in its `GuestSpec`. */
  readonly env: Readonly<Record<string, string>>;
  /** Those that were started ahead, for guests; none unless given. */
  readonly spares?: SpareRunners;
  /** Lets so many begin at once; all unless given. */
  readonly starting?: Semaphore;
}

/** What a runner can be sent. */
type RunnerSignal =
  | "SIGINT"
  | "SIGTERM"
  | "SIGKILL"
  | "SIGSTOP"
  | "SIGCONT";

/** A child process that runs one guest. */
export class RunnerProcess {
  readonly #child: Deno.ChildProcess;
  /** Because of its CPU limit. */
  #paused = false;
  readonly pid: number;
  /** The guest's standard input, if its spec says that it has one; to be closed at the end. */
  readonly stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** How it ended: 128 + the signal's number when a signal ended it. */
  readonly status: Promise<{ readonly code: number; readonly signal?: number }>;

  private constructor(
    child: Deno.ChildProcess,
  ) {
    this.#child = child;
    this.pid = child.pid;
    this.stdin = child.stdin.getWriter();
    this.stdout = child.stdout;
    this.stderr = child.stderr;
    this.status = child.status.then(({ code, signal }) =>
      signal === null ? { code } : { code, signal: code - 128 }
    );
  }

  /**
   * Starts a runner, or takes one that waits, and tells it what to do only once it is under its
   * limits. It does not outlive a failure of that. Throws what `Deno.Command` throws when there can
   * be no process.
   *
   * Of those that do not wait already, only as many as `launch.starting` lets begin at once.
   */
  static async start(
    launch: RunnerLaunch,
    spec: GuestSpec,
    limits: RunLimits | undefined,
  ): Promise<RunnerProcess> {
    const spare = launch.spares?.take();
    const { signal } = new AbortController(); // Its turn comes: a runner starts, or dies.
    using _turn = spare === undefined
      ? await launch.starting?.acquire({ signal })
      : undefined;
    const process = new RunnerProcess(spare ?? spawnChild(launch));
    try {
      await limits?.add(process);
    } catch (error) {
      process.kill("SIGKILL");
      await Promise.all([
        process.status,
        process.stdout.cancel(),
        process.stderr.cancel(),
        process.closeStdin(),
      ]);
      throw error;
    }
    if (spare === undefined) {
      const sent = process.#send(specLine(spec, beyondPipe));
      // One with hardly any CPU time must not keep all others waiting.
      using turn = new Deadline(longestTurn, { signal });
      await Promise.race([sent, untilAborted(turn.signal)]);
    } else void process.#send(specLine(spec));
    return process;
  }

  /** Sends a signal; nothing happens once the process has ended. */
  kill(signal: RunnerSignal): void {
    try {
      this.#child.kill(signal);
      if (signal === "SIGSTOP" || signal === "SIGCONT") {
        this.#paused = signal === "SIGSTOP";
        // What pauses would not hear of the others.
      } else if (this.#paused) this.kill("SIGCONT");
    } catch (error) {
      // Deno reports a child that has ended as either of these.
      if (error instanceof Deno.errors.NotFound) return;
      if (error instanceof TypeError) return;
      throw error;
    }
  }

  /** Closes standard input, unless it is closed; never rejects. */
  async closeStdin(): Promise<void> {
    // The guest may have closed its end, which makes this fail; the pipe is gone either way.
    await this.stdin.close().catch(() => undefined);
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Resolves when it is written; never rejects. */
  async #send(line: Uint8Array): Promise<void> {
    try {
      await this.stdin.write(line);
    } catch (error) {
      // A runner that dies before it reads its task says why by its exit code.
      const { pid } = this;
      getLogger("wasm").debug("A runner did not read its task", { pid, error });
    }
  }
}

/** Starts a runner that waits for its task. */
export function spawnChild(
  { command: [program = "", ...args], cwd, env }: RunnerLaunch,
): Deno.ChildProcess {
  return new Deno.Command(program, {
    args,
    cwd,
    env: { ...env },
    // Windows programs do not start without some of its variables.
    clearEnv: Deno.build.os !== "windows",
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    // In a process group of its own, Ctrl-C in the agent's terminal is the agent's to handle.
    detached: true,
  }).spawn();
}

/** How long a start may keep others from beginning: some ten times what it takes. */
const longestTurn = 1_000;

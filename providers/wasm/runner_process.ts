import { getLogger } from "../../async/log.ts";
import type { GuestSpec } from "./guest_spec.ts";
import type { TranspileTask } from "./p2/transpile.ts";

/** How runner processes are started. */
export interface RunnerLaunch {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly cwd: string;
  /** The whole environment of the runner; the guest's is in its `GuestSpec`. */
  readonly env: Readonly<Record<string, string>>;
}

/** A child process that runs one guest, or makes a component ready to run. */
export class RunnerProcess {
  readonly #child: Deno.ChildProcess;
  readonly pid: number;
  /** The guest's standard input, if its spec says that it has one; to be closed at the end. */
  readonly stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** How it ended: 128 + the signal's number when a signal ended it. */
  readonly status: Promise<{ readonly code: number; readonly signal?: number }>;

  private constructor(
    child: Deno.ChildProcess,
    spec: GuestSpec | TranspileTask,
  ) {
    this.#child = child;
    this.pid = child.pid;
    this.stdin = child.stdin.getWriter();
    this.stdout = child.stdout;
    this.stderr = child.stderr;
    this.status = child.status.then(({ code, signal }) =>
      signal === null ? { code } : { code, signal: code - 128 }
    );
    this.#send(new TextEncoder().encode(`${JSON.stringify(spec)}\n`));
  }

  /** Starts a runner; throws what `Deno.Command` throws when there can be no process. */
  static spawn(
    { command: [program = "", ...args], cwd, env }: RunnerLaunch,
    spec: GuestSpec | TranspileTask,
  ): RunnerProcess {
    const child = new Deno.Command(program, {
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
    return new RunnerProcess(child, spec);
  }

  /** Sends a signal; nothing happens once the process has ended. */
  kill(signal: "SIGINT" | "SIGTERM" | "SIGKILL"): void {
    try {
      this.#child.kill(signal);
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

  #send(line: Uint8Array): void {
    this.stdin.write(line).catch((error) =>
      // A runner that dies before it reads its task says why by its exit code.
      getLogger("wasm").debug("A runner did not read its task", {
        pid: this.pid,
        error,
      })
    );
  }
}

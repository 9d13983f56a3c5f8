import { abortable, type AbortOptions } from "../../async/abort.ts";
import { delay } from "../../async/delay.ts";
import { getLogger } from "../../async/log.ts";
import { attachTo } from "../attach.ts";
import type { LogFile } from "../log_file.ts";
import type { LogStream } from "../log_line.ts";
import { OutputFan } from "../output_fan.ts";
import type { ProcessStreams } from "../runtime.ts";
import type { GuestSpec } from "./guest_spec.ts";
import type { RunLimits } from "./run_limits.ts";
import { type RunnerLaunch, RunnerProcess } from "./runner_process.ts";

/** How a runner process ended. */
export interface GuestEnd {
  /** 128 + the signal's number when a signal ended it. */
  readonly code: number;
  readonly signal?: number;
  readonly finishedAt: Date;
}

/** One guest in its runner process, whose output goes to a log. */
export class GuestProcess {
  readonly #process: RunnerProcess;
  readonly #output = new OutputFan();
  readonly #hasStdin: boolean;
  #killed = false;
  readonly #tty: boolean;
  /** Resolves when the process has ended and all of its output is in the log; never rejects. */
  readonly ended: Promise<GuestEnd>;

  private constructor(process: RunnerProcess, spec: GuestSpec, log: LogFile) {
    this.#process = process;
    this.#hasStdin = spec.stdin;
    this.#tty = spec.tty ?? false;
    this.ended = this.#run(log);
  }

  /** Starts a runner; rejects where there can be no process, or none under its limits. */
  static async start(
    launch: RunnerLaunch,
    spec: GuestSpec,
    { log, limits }: {
      readonly log: LogFile;
      readonly limits?: RunLimits;
    },
  ): Promise<GuestProcess> {
    const process = await RunnerProcess.start(launch, spec, limits);
    return new GuestProcess(process, spec, log);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Whether it was sent SIGKILL by this agent, and not by the kernel. */
  get killed(): boolean {
    return this.#killed;
  }

  /** Sends a signal; nothing happens once the process has ended. */
  kill(signal: "SIGINT" | "SIGTERM" | "SIGKILL"): void {
    this.#killed ||= signal === "SIGKILL";
    this.#process.kill(signal);
  }

  /**
   * Sends SIGTERM, and SIGKILL after `graceSeconds`; resolves when the process has ended. Of
   * several calls under way the one with the least time left counts.
   */
  async stop(
    { graceSeconds, signal }: AbortOptions & { readonly graceSeconds: number },
  ): Promise<void> {
    if (graceSeconds > 0) {
      this.kill("SIGTERM");
      const over = new AbortController();
      const grace = delay(graceSeconds * 1000, {
        signal: AbortSignal.any([signal, over.signal]),
      });
      try {
        await Promise.race([this.ended, grace]);
      } finally {
        over.abort();
      }
    }
    this.kill("SIGKILL");
    await abortable(this.ended, { signal });
  }

  /**
   * Connects streams until the guest ends; what it wrote before is only in the log. The streams of a
   * guest that has a terminal are one, whose Ctrl-C ends it.
   */
  async attach(
    { stdinOnce, ...streams }:
      & ProcessStreams
      & AbortOptions
      & { readonly stdinOnce: boolean },
  ): Promise<void> {
    await attachTo({
      output: this.#output,
      input: this.#hasStdin ? this.#process.stdin : undefined,
      stdinOnce,
      ended: this.ended,
    }, {
      ...streams,
      ...(this.#tty && { interrupt: () => this.kill("SIGINT") }),
    });
  }

  async #run(logFile: LogFile): Promise<GuestEnd> {
    const { status, stdout, stderr } = this.#process;
    const [end] = await Promise.all([
      status,
      this.#pump("stdout", stdout, logFile),
      this.#pump("stderr", stderr, logFile),
    ]);
    const finishedAt = new Date();
    try {
      await logFile.end();
    } catch (error) {
      log().warn("Could not end a log", { pid: this.pid, error });
    }
    this.#output.end();
    await this.#process.closeStdin();
    return { ...end, finishedAt };
  }

  /** Never rejects: a guest whose log cannot be written goes on all the same. */
  async #pump(
    stream: LogStream,
    output: ReadableStream<Uint8Array>,
    logFile: LogFile,
  ): Promise<void> {
    let failing = false;
    try {
      for await (const chunk of output) {
        this.#output.push(stream, chunk);
        try {
          await logFile.write(this.#tty ? "stdout" : stream, chunk);
          failing = false;
        } catch (error) {
          if (!failing) {
            log().warn("Lost output of a guest", { pid: this.pid, error });
          }
          failing = true;
        }
      }
    } catch (error) {
      log().warn("Cannot read the output of a guest", { pid: this.pid, error });
    }
  }
}

function log() {
  return getLogger("wasm");
}

import { abortable, type AbortOptions } from "../../async/abort.ts";
import { delay } from "../../async/delay.ts";
import { getLogger } from "../../async/log.ts";
import type { LogFile } from "../log_file.ts";
import type { LogStream } from "../log_line.ts";
import type { ProcessStreams } from "../runtime.ts";
import type { GuestSpec } from "./guest_spec.ts";
import { OutputFan } from "./output_fan.ts";

/** How runner processes are started. */
export interface RunnerLaunch {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly cwd: string;
  /** The whole environment of the runner; the guest's is in its `GuestSpec`. */
  readonly env: Readonly<Record<string, string>>;
}

/** How a runner process ended. */
export interface GuestEnd {
  /** 128 + the signal's number when a signal ended it. */
  readonly code: number;
  readonly signal?: number;
  readonly finishedAt: Date;
}

/** One guest in its runner process, whose output goes to a log. */
export class GuestProcess {
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output = new OutputFan();
  readonly #hasStdin: boolean;
  readonly pid: number;
  /** Resolves when the process has ended and all of its output is in the log; never rejects. */
  readonly ended: Promise<GuestEnd>;

  private constructor(child: Deno.ChildProcess, spec: GuestSpec, log: LogFile) {
    this.#child = child;
    this.pid = child.pid;
    this.#hasStdin = spec.stdin;
    this.#stdin = child.stdin.getWriter();
    this.ended = this.#run(log);
    this.#send(new TextEncoder().encode(`${JSON.stringify(spec)}\n`));
  }

  /** Starts a runner; throws what `Deno.Command` throws when there can be no process. */
  static spawn(
    { command: [program = "", ...args], cwd, env }: RunnerLaunch,
    spec: GuestSpec,
    log: LogFile,
  ): GuestProcess {
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
    return new GuestProcess(child, spec, log);
  }

  /** Sends a signal; nothing happens once the process has ended. */
  kill(signal: "SIGTERM" | "SIGKILL"): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      // Deno reports a child that has ended as either of these.
      if (error instanceof Deno.errors.NotFound) return;
      if (error instanceof TypeError) return;
      throw error;
    }
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

  /** Connects streams until the guest ends; what it wrote before is only in the log. */
  async attach(
    { stdin, stdout, stderr, stdinOnce, signal }:
      & ProcessStreams
      & AbortOptions
      & { readonly stdinOnce: boolean },
  ): Promise<void> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const input = stdin &&
      this.#pipeInput(stdin, { stdinOnce, signal: either });
    try {
      const outputs = [
        stdout && this.#output.pipeTo("stdout", stdout, { signal }),
        stderr && this.#output.pipeTo("stderr", stderr, { signal }),
      ];
      await Promise.all([...outputs, abortable(this.ended, { signal })]);
    } finally {
      over.abort();
      await input;
    }
  }

  /** Gives the guest what `stdin` gives until that ends or the signal aborts; never rejects. */
  async #pipeInput(
    stdin: ReadableStream<Uint8Array>,
    { stdinOnce, signal }: AbortOptions & { readonly stdinOnce: boolean },
  ): Promise<void> {
    const reader = stdin.getReader();
    try {
      while (this.#hasStdin) {
        const { done, value } = await abortable(reader.read(), { signal });
        if (!done) await abortable(this.#stdin.write(value), { signal });
        else if (stdinOnce) return await this.#stdin.close();
        else return;
      }
    } catch (error) {
      if (signal.aborted) return;
      log().debug("Ended the input of a guest", { pid: this.pid, error });
    } finally {
      // The other side may be gone already, which is why this ends.
      await reader.cancel().catch(() => undefined);
    }
  }

  async #run(logFile: LogFile): Promise<GuestEnd> {
    const { stdout, stderr } = this.#child;
    const [{ code, signal }] = await Promise.all([
      this.#child.status,
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
    // The guest may have closed its end, which makes this fail; the pipe is gone either way.
    await this.#stdin.close().catch(() => undefined);
    return signal === null
      ? { code, finishedAt }
      : { code, signal: code - 128, finishedAt };
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
          await logFile.write(stream, chunk);
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

  #send(line: Uint8Array): void {
    this.#stdin.write(line).catch((error) =>
      // A runner that dies before it reads its task says why by its exit code.
      log().debug("A runner did not read its task", { pid: this.pid, error })
    );
  }
}

function log() {
  return getLogger("wasm");
}

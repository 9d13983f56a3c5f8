import { abortable } from "../async/abort.ts";
import type { LogStream } from "./log_line.ts";
import type { PodPorts } from "./pod_ports.ts";
import type { ProgramFiles } from "./program_files.ts";
import type { Program, ProgramHost } from "./program_host.ts";
import { endingWith } from "./pump.ts";
import type { TerminalSize } from "./runtime.ts";

/** What a {@linkcode ProgramProcess} is given. */
export interface ProgramTask {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly files: ProgramFiles;
  readonly ports: PodPorts;
  readonly stdin: ReadableStream<Uint8Array> | undefined;
  readonly tty: boolean;
  readonly resize: ReadableStream<TerminalSize> | undefined;
  readonly output: ProgramOutput;
}

/** Where the output of a program goes. */
export interface ProgramOutput {
  /** Resolves when the chunk was taken. */
  write(stream: LogStream, chunk: Uint8Array): Promise<void>;
  print(stream: LogStream, text: string): void;
}

/** How a program ended. */
export interface ProgramEnd {
  /** 128 + the signal's number when it was asked to end. */
  readonly code: number;
  readonly signal?: number;
  /** What it threw. */
  readonly message?: string;
}

/** The numbers of SIGINT, SIGKILL and SIGTERM. */
export type ProgramSignal = 2 | 9 | 15;

/** One program at work. */
export class ProgramProcess {
  readonly #task: ProgramTask;
  readonly #stop = new AbortController();
  readonly #kill = new AbortController();
  readonly #over = new AbortController();
  #signal: ProgramSignal | undefined;
  /** Never rejects. */
  readonly ended: Promise<ProgramEnd>;

  constructor(program: Program, task: ProgramTask) {
    this.#task = task;
    this.ended = this.#run(program);
  }

  /** Asks it to end, or has it end: all that it waits for fails with signal 9. */
  kill(signal: ProgramSignal): void {
    if (this.#signal !== 9) this.#signal = signal;
    const reason = new Error(`Killed by signal ${signal}`);
    this.#stop.abort(reason);
    if (signal === 9) this.#kill.abort(reason);
  }

  async #run(program: Program): Promise<ProgramEnd> {
    try {
      const code = await program(this.#host());
      return this.#killed() ?? { code };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return this.#killed() ?? { code: 1, message };
    } finally {
      this.#over.abort(new Error("The program has ended"));
    }
  }

  /** One that was asked to end, and says nothing else of it, ended by that signal. */
  #killed(): ProgramEnd | undefined {
    const signal = this.#signal;
    return signal === undefined ? undefined : { code: 128 + signal, signal };
  }

  #host(): ProgramHost {
    const { image, args, env, files, ports, tty, output } = this.#task;
    const { stdin, resize } = this.#task;
    const { signal } = this.#stop;
    const life = AbortSignal.any([this.#kill.signal, this.#over.signal]);
    const sink = (stream: LogStream) =>
      new WritableStream<Uint8Array>({
        write: (chunk) =>
          abortable(output.write(stream, chunk), { signal: life }),
      });
    return {
      image,
      args,
      env,
      signal,
      kill: this.#kill.signal,
      stdin: stdin && endingWith(life, stdin),
      stdout: sink("stdout"),
      stderr: sink("stderr"),
      tty,
      resize: resize && endingWith(life, resize),
      print: (stream, text) => output.print(stream, text),
      read: (path) => files.read(path),
      write: (path, text) => files.write(path, text),
      listen: (port) => ports.listen(port, { signal, over: life }),
    };
  }
}

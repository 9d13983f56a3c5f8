import { abortable, type AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import { attachTo } from "./attach.ts";
import { ConnectedStreams } from "./connected_streams.ts";
import { Latest } from "./latest.ts";
import type { LogStream } from "./log_line.ts";
import { OutputFan } from "./output_fan.ts";
import type { PodPorts } from "./pod_ports.ts";
import { ProgramFiles, type ProgramVolumes } from "./program_files.ts";
import type { Program } from "./program_host.ts";
import { ProgramLog } from "./program_log.ts";
import {
  type ProgramEnd,
  type ProgramOutput,
  ProgramProcess,
  type ProgramSignal,
} from "./program_process.ts";
import { pump } from "./pump.ts";
import type { ContainerSpec } from "./container_spec.ts";
import type { Exit, ProcessStreams, TerminalSize } from "./runtime.ts";

/** What the programs of one pod share. */
export interface ProgramPod {
  readonly volumes: ProgramVolumes;
  readonly ports: PodPorts;
}

/** One run of a container, and the commands in it. */
export class ProgramRun {
  readonly id: string = crypto.randomUUID();
  readonly spec: ContainerSpec;
  readonly log = new ProgramLog();
  readonly startedAt = new Date();
  /** Resolves when the program has ended and `exit` is set; never rejects. */
  readonly ended: Promise<void>;
  readonly #pod: ProgramPod;
  readonly #files: ProgramFiles;
  readonly #process: ProgramProcess;
  readonly #execs = new Set<ProgramProcess>();
  readonly #output = new OutputFan();
  readonly #input: WritableStreamDefaultWriter<Uint8Array> | undefined;
  readonly #sizes = new Latest<TerminalSize>();
  #exit: Exit | undefined;

  constructor(program: Program, spec: ContainerSpec, pod: ProgramPod) {
    this.spec = spec;
    this.#pod = pod;
    this.#files = new ProgramFiles(spec, pod.volumes);
    const stdin = spec.stdin
      ? new TransformStream<Uint8Array, Uint8Array>()
      : undefined;
    this.#input = stdin?.writable.getWriter();
    this.#process = new ProgramProcess(program, {
      ...this.#place([...spec.command ?? [], ...spec.args ?? []]),
      stdin: stdin?.readable,
      tty: spec.tty,
      resize: spec.tty ? this.#sizes.readable : undefined,
      output: this.#recorded(),
    });
    this.ended = this.#finish();
  }

  /** How it ended; undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Sends a signal to the program; nothing happens once it has ended. */
  kill(signal: ProgramSignal): void {
    this.#process.kill(signal);
  }

  /** Sends SIGTERM, and SIGKILL after `graceSeconds`; resolves when the program has ended. */
  async stop(
    { graceSeconds, signal }: AbortOptions & { readonly graceSeconds: number },
  ): Promise<void> {
    if (this.#exit !== undefined) return;
    using grace = new Deadline(graceSeconds * 1000, { signal });
    this.kill(15);
    try {
      await abortable(this.ended, grace);
    } catch (error) {
      if (!grace.expired) throw error;
      this.kill(9);
      await this.ended;
    }
  }

  /** Connects streams to the program until it ends. */
  async attach(
    { resize, ...streams }: ProcessStreams & AbortOptions,
  ): Promise<void> {
    const { tty, stdinOnce } = this.spec;
    const over = new AbortController();
    const sizes = resize && pump(
      resize,
      (size) => Promise.resolve(this.#sizes.set(size)),
      over,
    ).catch(() => undefined);
    try {
      await attachTo({
        output: this.#output,
        input: this.#input,
        stdinOnce,
        ended: this.ended,
      }, { ...streams, ...tty ? { interrupt: () => this.kill(2) } : {} });
    } finally {
      // The end of the sizes is that of the session, which says itself why.
      over.abort();
      await sizes;
    }
  }

  /** Runs a command beside the program; it is killed when the program ends. */
  async exec(
    program: Program,
    command: readonly string[],
    { signal, ...streams }: ProcessStreams & AbortOptions,
  ): Promise<number> {
    signal.throwIfAborted();
    using connected = new ConnectedStreams({
      ...streams,
      interrupt: () => process.kill(2),
    });
    const { stdin, resize } = connected;
    const output = new ConnectedOutput(connected);
    const process = new ProgramProcess(program, {
      ...this.#place(command),
      stdin,
      tty: streams.tty ?? false,
      resize,
      output,
    });
    const abort = () => process.kill(9);
    signal.addEventListener("abort", abort, { once: true });
    this.#execs.add(process);
    try {
      const { code, message } = await process.ended;
      if (message !== undefined) output.print("stderr", `${message}\n`);
      await abortable(output.flush(), { signal });
      return code;
    } finally {
      signal.removeEventListener("abort", abort);
      this.#execs.delete(process);
    }
  }

  #place(args: readonly string[]) {
    const { image, env } = this.spec;
    return { image, args, env, files: this.#files, ports: this.#pod.ports };
  }

  /** The log, and everyone who is attached. */
  #recorded(): ProgramOutput {
    const place = (stream: LogStream) => this.spec.tty ? "stdout" : stream;
    const decoders = {
      stdout: new TextDecoder(),
      stderr: new TextDecoder(),
    };
    return {
      write: (to, chunk) => {
        const stream = place(to);
        this.#output.push(stream, chunk);
        const text = decoders[stream].decode(chunk, { stream: true });
        this.log.append(stream, text);
        return Promise.resolve();
      },
      print: (to, text) => {
        const stream = place(to);
        if (this.#output.watched) {
          this.#output.push(stream, new TextEncoder().encode(text));
        }
        this.log.append(stream, text);
      },
    };
  }

  async #finish(): Promise<void> {
    const end = await this.#process.ended;
    for (const process of this.#execs) process.kill(9);
    this.#exit = exitOf(end, {
      startedAt: this.startedAt,
      message: this.#files.message,
    });
    this.log.end();
    this.#output.end();
    this.#sizes.end();
  }
}

/** The output of a command: `print` does not wait, and `flush` waits for all. */
class ConnectedOutput implements ProgramOutput {
  readonly #streams: ConnectedStreams;
  #last: Promise<void> = Promise.resolve();

  constructor(streams: ConnectedStreams) {
    this.#streams = streams;
  }

  write(stream: LogStream, chunk: Uint8Array): Promise<void> {
    return this.#streams.write(stream, chunk);
  }

  print(stream: LogStream, text: string): void {
    const written = this.write(stream, new TextEncoder().encode(text))
      // Who cannot be told anything any more hears of it in no other way either.
      .catch(() => undefined);
    this.#last = Promise.all([this.#last, written]).then(() => undefined);
  }

  async flush(): Promise<void> {
    await this.#last;
  }
}

function exitOf(
  { code, signal, message: thrown }: ProgramEnd,
  { startedAt, message = thrown }: {
    readonly startedAt: Date;
    readonly message: string | undefined;
  },
): Exit {
  return {
    code,
    ...(signal === undefined ? {} : { signal }),
    reason: code === 0 ? "Completed" : "Error",
    ...(message === undefined ? {} : { message }),
    startedAt,
    finishedAt: new Date(),
  };
}

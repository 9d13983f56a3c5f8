import type { PortConnection, TerminalSize } from "./runtime.ts";

/** One run of a container, or one command in it, as its {@linkcode Program} sees it. */
export interface ProgramHost {
  readonly image: string;
  /** The container's command and args, or the command of an exec. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Aborts when the program is asked to end (SIGTERM). */
  readonly signal: AbortSignal;
  /** Aborts when the program must end now (SIGKILL). */
  readonly kill: AbortSignal;
  /** Standard input; undefined where there is none. It fails once `kill` aborts. */
  readonly stdin: ReadableStream<Uint8Array> | undefined;
  /** Takes bytes as fast as they are read, or logged. A write fails once nobody reads any more. */
  readonly stdout: WritableStream<Uint8Array>;
  readonly stderr: WritableStream<Uint8Array>;
  /** Whether a terminal is at the other end of the standard streams. */
  readonly tty: boolean;
  /** The sizes of the terminal, as they change; undefined where nobody tells. */
  readonly resize: ReadableStream<TerminalSize> | undefined;
  /**
   * Writes to the output, for messages: nothing waits until they are read. `text` may be any part
   * of a line, or many.
   */
  print(stream: "stdout" | "stderr", text: string): void;
  /** A file of the container's volumes; undefined where there is none. */
  read(path: string): string | undefined;
  /** Writes a file of the container's volumes, or its termination message. */
  write(path: string, text: string): void;
  /**
   * Listens on a port of the pod, at once, and gives the connections until `signal` aborts or the
   * loop over them is left. Throws `Deno.errors.AddrInUse` for a port that is taken.
   */
  listen(port: number): AsyncIterable<PortConnection>;
}

/** Is a container: resolves with its exit code. Must end soon after `kill` aborts. */
export type Program = (host: ProgramHost) => Promise<number>;

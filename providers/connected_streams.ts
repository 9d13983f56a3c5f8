import { getLogger } from "../async/log.ts";
import { Latest } from "./latest.ts";
import { LineDiscipline, withReturns } from "./line_discipline.ts";
import type { LogStream } from "./log_line.ts";
import { pump } from "./pump.ts";
import type { ProcessStreams, TerminalSize } from "./runtime.ts";

/** What {@linkcode ConnectedStreams} takes. */
export interface ConnectedStreamsOptions extends ProcessStreams {
  /** Called when someone presses Ctrl-C at the terminal; nothing happens by default. */
  readonly interrupt?: () => void;
}

/**
 * The streams that somebody gave, as a process with pipes needs them.
 *
 * With `tty` they are a terminal, as far as pipes can be one: input is edited, echoed and handed
 * over by lines, lines of output end in CR LF, and both outputs are one.
 */
export class ConnectedStreams implements Disposable {
  readonly stdin: ReadableStream<Uint8Array> | undefined;
  /** The newest size of the terminal; sizes that nobody asks for are dropped. */
  readonly resize: ReadableStream<TerminalSize> | undefined;
  readonly #tty: boolean;
  readonly #writers: Readonly<
    Record<LogStream, WritableStreamDefaultWriter<Uint8Array> | undefined>
  >;
  readonly #over = new AbortController();

  constructor(
    { stdin, stdout, stderr, resize, tty = false, interrupt = () => {} }:
      ConnectedStreamsOptions,
  ) {
    this.#tty = tty;
    const output = stdout?.getWriter();
    const errors = stderr?.getWriter() ?? (tty ? output : undefined);
    this.#writers = { stdout: output, stderr: errors };
    const { signal } = this.#over;
    this.stdin = tty && stdin !== undefined
      ? stdin.pipeThrough(this.#discipline(interrupt), { signal })
      : stdin;
    this.resize = resize && this.#newest(resize);
  }

  /** Whether anybody wants this output. */
  has(stream: LogStream): boolean {
    return this.#writers[stream] !== undefined;
  }

  /** Resolves when the chunk was taken, at once where nobody wants it; rejects once it cannot be. */
  async write(stream: LogStream, chunk: Uint8Array): Promise<void> {
    await this.#writers[stream]?.write(this.#tty ? withReturns(chunk) : chunk);
  }

  /** Lets go of the outputs, without closing them, and of the terminal. */
  [Symbol.dispose](): void {
    this.#over.abort();
    const { stdout, stderr } = this.#writers;
    for (const writer of new Set([stdout, stderr])) writer?.releaseLock();
  }

  /** Reads on, so that sizes never hold up what comes to us by the same connection. */
  #newest(sizes: ReadableStream<TerminalSize>): ReadableStream<TerminalSize> {
    const newest = new Latest<TerminalSize>();
    pump(sizes, (size) => Promise.resolve(newest.set(size)), this.#over)
      .catch((error) => {
        if (this.#over.signal.aborted) return;
        getLogger("providers").debug("Lost the size of a terminal", { error });
      })
      .finally(() => newest.end());
    return newest.readable;
  }

  #discipline(interrupt: () => void): LineDiscipline {
    // Who cannot read the echo hears of it by the output.
    const echo = (bytes: Uint8Array) =>
      void this.#writers.stdout?.write(bytes).catch(() => undefined);
    return new LineDiscipline({ echo, interrupt });
  }
}

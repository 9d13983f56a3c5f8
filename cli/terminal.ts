import type { AbortOptions } from "../async/abort.ts";
import type { TerminalSize } from "../providers/runtime.ts";
import { Interrupt } from "./interrupt.ts";

/**
 * The terminal of the user while it belongs to a program elsewhere: every key goes there, Ctrl-C
 * as well, and every byte from there comes to the screen. It is as before once the scope is left,
 * or the program exits.
 */
export class RawTerminal implements Disposable {
  readonly #hangUp = new AbortController();
  readonly #onHangUp = () =>
    this.#hangUp.abort(new Interrupt("SIGHUP", 128 + 1));
  readonly #restore = () => Deno.stdin.setRaw(false);

  /** Aborts with the parent, or when the terminal goes away. */
  readonly signal: AbortSignal;

  private constructor({ signal }: AbortOptions) {
    this.signal = AbortSignal.any([signal, this.#hangUp.signal]);
    Deno.stdin.setRaw(true);
    globalThis.addEventListener("unload", this.#restore);
    if (hasSignals) Deno.addSignalListener("SIGHUP", this.#onHangUp);
  }

  /** Takes the terminal that standard input is. */
  static async take(options: AbortOptions): Promise<RawTerminal> {
    const terminal = new RawTerminal(options);
    await passOutput();
    return terminal;
  }

  [Symbol.dispose](): void {
    if (hasSignals) Deno.removeSignalListener("SIGHUP", this.#onHangUp);
    globalThis.removeEventListener("unload", this.#restore);
    this.#restore();
  }
}

const hasSignals = Deno.build.os !== "windows";

/**
 * The size of the terminal now, then whenever it changes, until aborted.
 *
 * @param options.redraw Gives a larger size first, so that a program that has the right one
 * already sees a change.
 */
export async function* terminalSizes(
  { signal, redraw = false }: AbortOptions & { readonly redraw?: boolean },
): AsyncGenerator<TerminalSize> {
  let changed = Promise.withResolvers<void>();
  const wake = () => changed.resolve();
  signal.addEventListener("abort", wake, { once: true });
  if (hasSignals) Deno.addSignalListener("SIGWINCH", wake);
  try {
    const first = redraw ? terminalSize() : undefined;
    if (first !== undefined) {
      yield { columns: first.columns + 1, rows: first.rows + 1 };
    }
    while (!signal.aborted) {
      changed = Promise.withResolvers<void>();
      const size = terminalSize();
      if (size !== undefined) yield size;
      await changed.promise;
    }
  } finally {
    if (hasSignals) Deno.removeSignalListener("SIGWINCH", wake);
    signal.removeEventListener("abort", wake);
  }
}

/** Undefined where no terminal tells. */
function terminalSize(): TerminalSize | undefined {
  try {
    const { columns, rows } = Deno.consoleSize();
    return columns > 0 && rows > 0 ? { columns, rows } : undefined;
  } catch {
    return undefined; // none of the standard streams is a terminal that knows it
  }
}

/**
 * Deno's raw mode still makes "\r\n" of every "\n", as libuv does. A program elsewhere means what
 * it says: full-screen ones go straight down with "\n".
 */
async function passOutput(): Promise<void> {
  if (!hasSignals) return;
  try {
    const command = new Deno.Command("stty", {
      args: ["-opost"],
      stdin: "inherit",
      stdout: "null",
      stderr: "null",
    });
    await command.spawn().status;
  } catch (error) {
    // Without stty, which every Unix has, most programs look right all the same.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

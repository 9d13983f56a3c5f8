import type { PullProgress } from "../providers/runtime.ts";

/** Between two lines, in milliseconds: more of them nobody can read. */
const interval = 100;

/** Shows how a pull gets on, in one line of a terminal; anything else gets nothing. */
export class PullDisplay implements Disposable {
  readonly #terminal: Pick<typeof Deno.stderr, "isTerminal" | "writeSync">;
  #shownAt = -Infinity;

  constructor(
    terminal: Pick<typeof Deno.stderr, "isTerminal" | "writeSync">,
  ) {
    this.#terminal = terminal;
  }

  show({ doneBytes, totalBytes }: PullProgress): void {
    const now = performance.now();
    const isLast = doneBytes === totalBytes;
    if (!isLast && now - this.#shownAt < interval) return;
    if (!this.#terminal.isTerminal()) return;
    this.#shownAt = now;
    const percent = totalBytes === 0
      ? 100
      : Math.floor(100 * doneBytes / totalBytes);
    this.#write(`\r${megabytes(doneBytes)} of ${megabytes(totalBytes)} MB`);
    this.#write(` (${percent} %)\x1b[K`);
  }

  /** Takes the line away, if there is one. */
  [Symbol.dispose](): void {
    if (this.#shownAt === -Infinity) return;
    this.#shownAt = -Infinity;
    this.#write("\r\x1b[K");
  }

  #write(text: string): void {
    this.#terminal.writeSync(new TextEncoder().encode(text));
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

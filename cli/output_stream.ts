/** Nobody reads the output any more, as when it goes to `head`: the rest is for nobody. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

/** A write costs a change of threads, so that it is to be worth it. */
const bufferBytes = 256 * 1024;

/**
 * Standard output or standard error, for bytes, which are written at once and gathered while a
 * write is under way. Any number of writers at a time: what each writes comes out in one piece.
 */
export class OutputStream {
  readonly #writer: { write(bytes: Uint8Array): Promise<number> };
  #filling = new Uint8Array(bufferBytes);
  #filled = 0;
  #spare = new Uint8Array(bufferBytes);
  #draining: Promise<void> | undefined;
  readonly #failed = new AbortController();
  #turn: Promise<void> = Promise.resolve();

  /** @param writer Such as `Deno.stdout`. */
  constructor(writer: { write(bytes: Uint8Array): Promise<number> }) {
    this.#writer = writer;
  }

  /** Aborts when writing has failed: with an {@linkcode OutputClosed} when nobody reads any more. */
  get signal(): AbortSignal {
    return this.#failed.signal;
  }

  /**
   * Resolves when `bytes` were taken and may be changed again; waits while 256 KiB are still to be
   * written. Rejects when writing has failed, with the reason of {@linkcode signal}.
   */
  async write(bytes: Uint8Array): Promise<void> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await before;
    try {
      await this.#take(bytes);
    } finally {
      resolve();
    }
  }

  /** Resolves when all that was taken is written; rejects as {@linkcode write} does. */
  async flush(): Promise<void> {
    await this.#turn;
    await this.#draining;
    this.signal.throwIfAborted();
  }

  async #take(bytes: Uint8Array): Promise<void> {
    for (let taken = 0; taken < bytes.length;) {
      if (this.#filled === bufferBytes) await this.#draining;
      this.signal.throwIfAborted();
      const piece = bytes.subarray(taken, taken + bufferBytes - this.#filled);
      this.#filling.set(piece, this.#filled);
      this.#filled += piece.length;
      taken += piece.length;
      this.#draining ??= this.#drain();
    }
  }

  /** Never rejects. */
  async #drain(): Promise<void> {
    try {
      while (this.#filled > 0) {
        const bytes = this.#filling.subarray(0, this.#filled);
        [this.#filling, this.#spare] = [this.#spare, this.#filling];
        this.#filled = 0;
        for (let written = 0; written < bytes.length;) {
          written += await this.#writer.write(bytes.subarray(written));
        }
      }
    } catch (cause) {
      this.#failed.abort(
        cause instanceof Deno.errors.BrokenPipe
          ? new OutputClosed("Nobody reads the output", { cause })
          : cause,
      );
    } finally {
      this.#draining = undefined;
    }
  }
}

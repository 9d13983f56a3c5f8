import { abortable, type AbortOptions } from "./abort.ts";

/** Lets at most so many in at once; who waits is let in in the order of coming. */
export class Semaphore {
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(permits: number) {
    this.#free = permits;
  }

  /** How many could come in at once without waiting. */
  get free(): number {
    return this.#free;
  }

  /** How many are waiting. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Waits for a permit, which is given back when the scope is left; once is enough. */
  async acquire({ signal }: AbortOptions): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#release();
      },
    };
  }

  /** Resolves with a permit taken over from who gave it back. */
  async #turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    try {
      await abortable(promise, { signal });
    } catch (error) {
      // Let in just before the abort: the permit goes to the next.
      if (!this.#waiting.delete(resolve)) this.#release();
      throw error;
    }
  }

  #release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}

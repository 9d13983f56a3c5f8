import type { AbortOptions } from "./abort.ts";

/** Options for {@linkcode WorkQueue.run}. */
export interface RunOptions extends AbortOptions {
  /** How many keys may be worked on at once. */
  readonly concurrency: number;
}

/**
 * A set of keys waiting for work, each due at some time.
 *
 * A key is never worked on twice at once; added while its work runs, it runs once more
 * afterwards. Adding a waiting key can only bring it forward. Keys due now are handed out in the
 * order in which they were added; adding and taking such a key costs the same however many wait.
 */
export class WorkQueue<K> {
  /** Keys due now, in order; a key is here or in `#later`, never in both. */
  readonly #ready = new Set<K>();
  readonly #later = new Map<
    K,
    { dueAt: number; timer: ReturnType<typeof setTimeout> }
  >();
  readonly #busy = new Set<K>();
  /** Keys that became due while being worked on. */
  readonly #again = new Set<K>();
  readonly #idle: (() => void)[] = [];
  #ended = false;

  /** Asks for `key` to be worked on, now or `after` so many milliseconds. Ignored once ended. */
  add(key: K, { after = 0 }: { readonly after?: number } = {}): void {
    if (this.#ended || this.#ready.has(key) || this.#again.has(key)) return;
    const waiting = this.#later.get(key);
    const dueAt = Date.now() + after;
    if (waiting !== undefined) {
      if (waiting.dueAt <= dueAt) return;
      clearTimeout(waiting.timer);
      this.#later.delete(key);
    }
    if (after <= 0) return this.#due(key);
    // setTimeout() takes at most 2^31-1 ms; a key due later than that is looked at once before.
    const timer = setTimeout(() => {
      this.#later.delete(key);
      this.#due(key);
    }, Math.min(after, 2 ** 31 - 1));
    this.#later.set(key, { dueAt, timer });
  }

  /** Works on due keys until aborted, then waits for the work in flight. */
  async run(
    work: (key: K) => Promise<void>,
    { concurrency, signal }: RunOptions,
  ): Promise<void> {
    const wakeAll = () => this.#idle.splice(0).forEach((wake) => wake());
    signal.addEventListener("abort", wakeAll, { once: true });
    try {
      await Promise.all(
        Array.from({ length: concurrency }, () => this.#work(work, signal)),
      );
    } finally {
      signal.removeEventListener("abort", wakeAll);
      this.#ended = true;
      for (const { timer } of this.#later.values()) clearTimeout(timer);
      this.#later.clear();
    }
  }

  async #work(
    work: (key: K) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      const [key] = this.#ready;
      if (key === undefined) {
        await new Promise<void>((resolve) => this.#idle.push(resolve));
        continue;
      }
      this.#ready.delete(key);
      this.#busy.add(key);
      try {
        await work(key);
      } finally {
        this.#busy.delete(key);
        if (this.#again.delete(key)) this.#due(key);
      }
    }
  }

  #due(key: K): void {
    if (this.#busy.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#ready.add(key);
    this.#idle.shift()?.();
  }
}

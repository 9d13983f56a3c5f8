import type { AbortOptions } from "../async/abort.ts";
import { delay } from "../async/delay.ts";

/** Lets `burst` pass at once, and then so many a second. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #now: () => number;
  #tokens: number;
  #filledAt: number;

  /** @param options.now Milliseconds from a steady clock; `performance.now()` by default. */
  constructor(
    { perSecond, burst, now = () => performance.now() }: {
      readonly perSecond: number;
      readonly burst: number;
      readonly now?: () => number;
    },
  ) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#now = now;
    this.#tokens = burst;
    this.#filledAt = now();
  }

  /** Takes a token, and returns for how many milliseconds its taker must wait. */
  reserve(): number {
    const now = this.#now();
    const filled = this.#tokens + (now - this.#filledAt) * this.#perMs;
    this.#filledAt = now;
    this.#tokens = Math.min(this.#burst, filled) - 1;
    return this.#tokens >= 0 ? 0 : -this.#tokens / this.#perMs;
  }

  /** Resolves when the caller may pass. */
  async take(options: AbortOptions): Promise<void> {
    const wait = this.reserve();
    if (wait > 0) await delay(wait, options);
  }
}

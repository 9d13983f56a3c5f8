import type { AbortOptions } from "./abort.ts";

/**
 * A signal that aborts with its parent, when the time is up, or when the scope is left.
 *
 * Unlike `AbortSignal.timeout()` it leaves no timer and no listener behind.
 */
export class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal;
  readonly #abort = () => this.#controller.abort(this.#parent.reason);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #expired = false;

  /** @param ms Milliseconds from now. */
  constructor(ms: number, { signal }: AbortOptions) {
    this.#parent = signal;
    if (signal.aborted) this.#abort();
    signal.addEventListener("abort", this.#abort, { once: true });
    this.extend(ms);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the time was up before anything else ended it. */
  get expired(): boolean {
    return this.#expired;
  }

  /** Lets the time start anew: `ms` milliseconds from now. Nothing once it has ended. */
  extend(ms: number): void {
    clearTimeout(this.#timer);
    if (this.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#expired = true;
      this.#controller.abort(
        new DOMException(`Not done within ${ms / 1000} s`, "TimeoutError"),
      );
    }, ms);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#parent.removeEventListener("abort", this.#abort);
    this.#controller.abort(new DOMException("No longer wanted", "AbortError"));
  }
}

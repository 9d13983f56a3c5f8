import type { ObservedPod } from "../providers/runtime.ts";

/** The kubelet's `minimumGracePeriodInSeconds`. */
const leastSeconds = 2;

/**
 * Until when the containers of a pod have time to end: a stop that was interrupted goes on with
 * what is left of its grace.
 */
export class StopGraces {
  /** Milliseconds since the epoch, by container. */
  readonly #deadlines = new Map<string, number>();
  /** When the first container was asked to end because the whole pod ends. */
  #podSince: number | undefined;

  /** Whether the container was asked to end before, and may not have. */
  has(container: string): boolean {
    return this.#deadlines.has(container);
  }

  /**
   * What is left for a container that is given so many seconds, counted from when it was asked
   * first, or from when the first of the pod was: two seconds at least, unless it was given none.
   */
  left(
    container: string,
    graceSeconds: number,
    { ofPod = false, now = Date.now() }: {
      readonly ofPod?: boolean | undefined;
      readonly now?: number;
    } = {},
  ): number {
    if (ofPod) this.#podSince ??= now;
    const since = ofPod ? this.#podSince ?? now : now;
    const deadline = Math.min(
      this.#deadlines.get(container) ?? Infinity,
      since + graceSeconds * 1000,
    );
    this.#deadlines.set(container, deadline);
    const left = Math.ceil((deadline - now) / 1000);
    return graceSeconds === 0 ? 0 : Math.max(leastSeconds, left);
  }

  /** Whether nothing is left of so many seconds for the pod, counted from when it was asked to end. */
  isPodOver(graceSeconds: number, now = Date.now()): boolean {
    return (this.#podSince ?? now) + graceSeconds * 1000 <= now;
  }

  /** Says that the container has ended. */
  forget(container: string): void {
    this.#deadlines.delete(container);
  }

  /** Forgets all but what still runs. */
  keep({ containers }: ObservedPod): void {
    const running = new Set(
      containers.filter(({ state }) => state.kind === "running")
        .map(({ name }) => name),
    );
    for (const name of this.#deadlines.keys()) {
      if (!running.has(name)) this.#deadlines.delete(name);
    }
    if (running.size === 0) this.#podSince = undefined;
  }
}

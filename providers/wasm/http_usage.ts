/** What a server of HTTP requests has answered since it started, as its runner tells the agent. */
export interface HttpUsage {
  /** Requests that were answered, by the status of the response. */
  readonly requests: Readonly<Record<string, number>>;
  /** Requests whose response is not whole yet. */
  readonly active: number;
  /** How many of them took at most so long as {@linkcode httpDurationBounds} says, each by itself;
   * one more than there are bounds, for all that took longer. */
  readonly durations: readonly number[];
  /** How long they took together. */
  readonly totalSeconds: number;
}

/** In seconds: the default buckets of Prometheus, and one for what a small guest takes. */
export const httpDurationBounds: readonly number[] = [
  ...[0.001, 0.005, 0.01, 0.025, 0.05],
  ...[0.1, 0.25, 0.5, 1, 2.5, 5, 10],
];

/** Counts what a server answers. */
export class HttpCounter {
  readonly #requests = new Map<number, number>();
  readonly #durations = httpDurationBounds.map(() => 0).concat(0);
  #totalSeconds = 0;
  #active = 0;

  begin(): void {
    this.#active++;
  }

  /** Tells of a request that began and whose response is whole. */
  end(status: number, seconds: number): void {
    this.#active--;
    this.#requests.set(status, (this.#requests.get(status) ?? 0) + 1);
    this.#totalSeconds += seconds;
    const found = httpDurationBounds.findIndex((bound) => seconds <= bound);
    const bucket = found < 0 ? httpDurationBounds.length : found;
    this.#durations[bucket] = (this.#durations[bucket] ?? 0) + 1;
  }

  get usage(): HttpUsage {
    return {
      requests: Object.fromEntries(this.#requests),
      active: this.#active,
      durations: [...this.#durations],
      totalSeconds: this.#totalSeconds,
    };
  }
}

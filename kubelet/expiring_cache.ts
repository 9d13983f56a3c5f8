/** Options of {@linkcode ExpiringCache}. */
export interface ExpiringCacheOptions<V> {
  /** How many entries are kept; the oldest is dropped for a new one. */
  readonly maxEntries: number;
  /** For how many milliseconds a value is good. */
  readonly lifetime: (value: V) => number;
  /** The time in milliseconds; `Date.now` by default. */
  readonly now?: () => number;
}

/**
 * Remembers answers for a while. Questions asked at the same time share one answer, and a failed
 * one is not remembered.
 */
export class ExpiringCache<V> {
  readonly #options: ExpiringCacheOptions<V>;
  readonly #now: () => number;
  readonly #entries = new Map<
    string,
    { readonly value: V; readonly expiresAt: number }
  >();
  readonly #asking = new Map<string, Promise<V>>();

  constructor(options: ExpiringCacheOptions<V>) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** The remembered value of `key`, or what `ask` answers. */
  get(key: string, ask: () => Promise<V>): Promise<V> {
    const entry = this.#entries.get(key);
    if (entry !== undefined && this.#now() < entry.expiresAt) {
      return Promise.resolve(entry.value);
    }
    const asking = this.#asking.get(key);
    if (asking !== undefined) return asking;
    const answer = this.#ask(key, ask);
    this.#asking.set(key, answer);
    return answer;
  }

  async #ask(key: string, ask: () => Promise<V>): Promise<V> {
    try {
      const value = await ask();
      const expiresAt = this.#now() + this.#options.lifetime(value);
      this.#entries.delete(key);
      this.#entries.set(key, { value, expiresAt });
      this.#trim();
      return value;
    } finally {
      this.#asking.delete(key);
    }
  }

  #trim(): void {
    for (const key of this.#entries.keys()) {
      if (this.#entries.size <= this.#options.maxEntries) return;
      this.#entries.delete(key);
    }
  }
}

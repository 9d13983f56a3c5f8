import type { AbortOptions } from "./abort.ts";

/**
 * Tells any number of readers which keys may have changed, never what changed.
 *
 * A reader that is slow sees a key once, however often it changed meanwhile.
 */
export class ChangeFeed<K> {
  readonly #readers = new Set<
    { readonly keys: Set<K>; readonly wake: () => void }
  >();

  /** Says that `key` may have changed. */
  notify(key: K): void {
    for (const reader of this.#readers) {
      reader.keys.add(key);
      reader.wake();
    }
  }

  /**
   * Yields changed keys until aborted; then ends without an error.
   *
   * @param known Keys to yield first, so that a start is no special case. It is asked when the
   * reader starts listening: no key is missed in between.
   */
  async *changes(
    { signal }: AbortOptions,
    known: () => Iterable<K> = () => [],
  ): AsyncGenerator<K> {
    let woken = Promise.withResolvers<void>();
    const reader = { keys: new Set<K>(), wake: () => woken.resolve() };
    this.#readers.add(reader);
    signal.addEventListener("abort", reader.wake, { once: true });
    try {
      for (const key of known()) reader.keys.add(key);
      while (!signal.aborted) {
        for (const key of reader.keys) {
          reader.keys.delete(key);
          yield key;
          if (signal.aborted) return;
        }
        await woken.promise;
        woken = Promise.withResolvers<void>();
      }
    } finally {
      signal.removeEventListener("abort", reader.wake);
      this.#readers.delete(reader);
    }
  }
}

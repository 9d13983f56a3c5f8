import type { AbortOptions } from "../../../async/abort.ts";
import { firstOf } from "../../../async/first_of.ts";

/** The resource `wasi:io/poll.pollable`: something that a guest can wait for. */
export class Pollable {
  readonly #isReady: () => boolean;
  readonly #wait: (options: AbortOptions) => Promise<void>;

  /**
   * Is ready at once unless told otherwise.
   * @param wait Resolves when it may be ready, perhaps before; may reject once aborted.
   */
  constructor(
    isReady: () => boolean = () => true,
    wait: (options: AbortOptions) => Promise<void> = () => Promise.resolve(),
  ) {
    this.#isReady = isReady;
    this.#wait = wait;
  }

  ready(): boolean {
    return this.#isReady();
  }

  async block(): Promise<void> {
    if (!this.ready()) await poll([this]);
  }

  /** For {@linkcode poll} only. */
  wait(options: AbortOptions): Promise<void> {
    return this.#wait(options);
  }
}

/** The function `wasi:io/poll.poll`: the places of those that are ready, once one is. */
export async function poll(
  pollables: readonly Pollable[],
): Promise<Uint32Array> {
  // The specification has an empty list trap.
  if (pollables.length === 0) throw new RangeError("empty list of pollables");
  for (;;) {
    const ready = [...pollables.keys()]
      .filter((index) => pollables[index]?.ready());
    if (ready.length > 0) return new Uint32Array(ready);
    const over = new AbortController();
    try {
      await firstOf(
        pollables.map((each) => each.wait({ signal: over.signal })),
      );
    } finally {
      over.abort();
    }
  }
}

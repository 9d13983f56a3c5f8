import type { AbortOptions } from "../../../async/abort.ts";
import { delay } from "../../../async/delay.ts";
import { Semaphore } from "../../../async/semaphore.ts";
import { channelFailure } from "./ssh_client.ts";

/**
 * Sessions at once: sshd allows 10 (`MaxSessions`), but frees a slot later than it says, so that
 * with 8 at work every tenth was refused.
 */
const maxSessions = 5;

/** How often a refused session is asked for again at once, before sshd is taken to mean it. */
const attempts = 4;
const retryDelay = 50;

/** How many commands a connection may run at once: learns when the server allows fewer. */
export class Sessions {
  readonly #permits = new Semaphore(maxSessions);
  #usable = maxSessions;

  /** Whether there is one at once. */
  get available(): boolean {
    return this.#permits.free > 0;
  }

  /** How many commands may run at once, as far as is known. */
  get usable(): number {
    return this.#usable;
  }

  /** Whether none is in use. */
  get idle(): boolean {
    return this.#permits.free === this.#usable;
  }

  acquire(options: AbortOptions): Promise<Disposable> {
    return this.#permits.acquire(options);
  }

  /**
   * Opens a session. Undefined when the server has none left beside those in use: the permit is
   * then lost. Throws, and gives the permit back, when it fails otherwise.
   */
  async open<T>(
    permit: Disposable,
    start: () => Promise<T>,
    { signal }: AbortOptions,
  ): Promise<T | undefined> {
    for (let attempt = 1;; attempt++) {
      try {
        return await start();
      } catch (error) {
        const refused = channelFailure(error) === "failed";
        if (refused && attempt < attempts) {
          await delay(retryDelay * attempt, { signal }).catch(() => undefined);
          if (!signal.aborted) continue;
        } else if (refused && this.#usable - this.#permits.free > 1) {
          this.#usable--;
          return undefined;
        }
        permit[Symbol.dispose]();
        signal.throwIfAborted();
        throw error;
      }
    }
  }
}

import type { AbortOptions } from "../../../async/abort.ts";
import type { LinuxSockets, SocketInterest } from "../linux_sockets.ts";

interface Waiter {
  readonly interests: readonly SocketInterest[];
  readonly done: () => void;
}

/** Waits for any number of sockets at once, with one thread for all of them. */
export class SocketWaits {
  readonly #sockets: LinuxSockets;
  readonly #waiters = new Set<Waiter>();
  #round: AbortController | undefined;

  constructor(sockets: LinuxSockets) {
    this.#sockets = sockets;
  }

  /** Whether one of them is ready now. */
  ready(interests: readonly SocketInterest[]): boolean {
    return this.#sockets.look(interests).some(({ ready }) => ready);
  }

  /** Resolves when one of them is ready, or one of them is closed, or the signal aborts. */
  wait(
    interests: readonly SocketInterest[],
    { signal }: Partial<AbortOptions> = {},
  ): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const leave = () => this.#finish(waiter);
    const done = () => {
      signal?.removeEventListener("abort", leave);
      resolve();
    };
    const waiter: Waiter = { interests, done };
    this.#waiters.add(waiter);
    signal?.addEventListener("abort", leave, { once: true });
    // What waits already does not know of these.
    if (this.#round === undefined) void this.#run();
    else this.#round.abort();
    return promise;
  }

  /** Lets those go on who wait for a socket that is about to be closed. */
  forget(handle: number): void {
    for (const waiter of this.#waiters) {
      if (waiter.interests.some((each) => each.handle === handle)) {
        this.#finish(waiter);
      }
    }
    this.#round?.abort();
  }

  /** Never rejects: who waited in vain sees what is wrong with a socket when they use it. */
  async #run(): Promise<void> {
    while (this.#waiters.size > 0) {
      this.#round = new AbortController();
      const { signal } = this.#round;
      const all = [...this.#waiters].flatMap(({ interests }) => interests);
      try {
        await this.#sockets.wait(all, { signal });
      } catch {
        for (const waiter of this.#waiters) this.#finish(waiter);
      }
      for (const waiter of this.#waiters) {
        if (this.ready(waiter.interests)) this.#finish(waiter);
      }
    }
    this.#round = undefined;
  }

  #finish(waiter: Waiter): void {
    this.#waiters.delete(waiter);
    waiter.done();
  }
}

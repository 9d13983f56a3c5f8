import { delay } from "../../../async/delay.ts";

interface Client {
  readonly request: Request;
  readonly left: () => void;
  isWatched: boolean;
}

/**
 * Notices clients that go away without waiting for their answer.
 *
 * Only those that have waited for a while are looked after: asking Deno for the signal of each
 * request would cost more than most guests take to answer it.
 */
export class SlowClients {
  readonly #clients = new Set<Client>();
  #watching = false;

  /**
   * @param left Called once when the client goes, unless the wait was disposed before; also when
   * all of the answer was sent.
   */
  add(request: Request, left: () => void): Disposable {
    const client = { request, left, isWatched: false };
    this.#clients.add(client);
    if (!this.#watching) void this.#watch();
    return { [Symbol.dispose]: () => void this.#clients.delete(client) };
  }

  /** As long as there are any. */
  async #watch(): Promise<void> {
    this.#watching = true;
    const { signal } = new AbortController();
    while (this.#clients.size > 0) {
      const before = [...this.#clients];
      await delay(patience, { signal });
      for (const client of before) {
        if (!this.#clients.has(client) || client.isWatched) continue;
        client.isWatched = true;
        this.#listen(client);
      }
    }
    this.#watching = false;
  }

  #listen(client: Client): void {
    const { signal } = client.request;
    const gone = () => {
      // Deno also says so once the answer is sent.
      if (this.#clients.delete(client)) client.left();
    };
    if (signal.aborted) gone();
    else signal.addEventListener("abort", gone, { once: true });
  }
}

/** In milliseconds. */
const patience = 500;

import type { AbortOptions } from "../../../async/abort.ts";
import { Semaphore } from "../../../async/semaphore.ts";
import type { SshTarget } from "./target.ts";

/**
 * Keeps the attempts to connect apart that all hosts of an agent make at once, as after a network
 * failure: an sshd that many go through, a jump host, drops the eleventh unauthenticated
 * connection at random (`MaxStartups 10:30:100`), and all handshakes compete for one processor.
 */
export class DialLimit {
  readonly #perServer: number;
  readonly #servers = new Map<string, Semaphore>();
  readonly #handshakes: Semaphore;

  /** How many at once; 4 to one server and 16 handshakes in all unless given. */
  constructor({ perServer = 4, handshakes = 16 } = {}) {
    this.#perServer = perServer;
    this.#handshakes = new Semaphore(handshakes);
  }

  /** Waits for a turn to connect to a target's server and to authenticate there. */
  async connect(
    { host, port }: SshTarget,
    { signal }: AbortOptions,
  ): Promise<Disposable> {
    const server = `${host} ${port}`;
    const turns = this.#servers.get(server) ?? new Semaphore(this.#perServer);
    this.#servers.set(server, turns);
    const turn = await turns.acquire({ signal });
    return {
      [Symbol.dispose]: () => {
        turn[Symbol.dispose]();
        if (turns.free === this.#perServer) this.#servers.delete(server);
      },
    };
  }

  /** Waits for a turn to shake hands: not for a server that does not even answer. */
  handshake(options: AbortOptions): Promise<Disposable> {
    return this.#handshakes.acquire(options);
  }
}

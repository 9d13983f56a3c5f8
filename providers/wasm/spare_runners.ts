import { delay } from "../../async/delay.ts";
import { getLogger } from "../../async/log.ts";
import { messageOf } from "../../async/message_of.ts";

/** Options for {@linkcode SpareRunners}. */
export interface SpareRunnersOptions {
  /** How many wait. */
  readonly count: number;
  /** Starts one; may throw. */
  start(): Deno.ChildProcess;
  /** New ones are started once none was taken for so long, in milliseconds; 300 unless given. */
  readonly quiet?: number;
}

/**
 * Runner processes that were started ahead and wait for what they have to do, so that a container
 * starts without the time that a process takes. Disposing kills those that wait.
 *
 * They belong to no container until one takes them, and know nothing of any.
 */
export class SpareRunners implements AsyncDisposable {
  readonly #count: number;
  readonly #start: () => Deno.ChildProcess;
  readonly #quiet: number;
  /** The oldest first. */
  readonly #waiting = new Set<Deno.ChildProcess>();
  readonly #stop = new AbortController();
  #taken = 0;
  #refilling: Promise<void> | undefined;

  constructor({ count, start, quiet = 300 }: SpareRunnersOptions) {
    this.#count = count;
    this.#start = start;
    this.#quiet = quiet;
    this.#refill();
  }

  /** One that waits; undefined if there is none. It is the caller's from now on. */
  take(): Deno.ChildProcess | undefined {
    const [child] = this.#waiting;
    if (child !== undefined) this.#waiting.delete(child);
    this.#taken++;
    this.#refill();
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#refilling;
    await Promise.all([...this.#waiting].map(end));
  }

  #refill(): void {
    if (this.#stop.signal.aborted) return;
    this.#refilling ??= this.#run().finally(() => this.#refilling = undefined);
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { signal } = this.#stop;
    try {
      while (this.#waiting.size < this.#count) {
        const before = this.#taken;
        // While many containers start, their own processes come first.
        await delay(this.#quiet, { signal });
        if (this.#taken === before) this.#add();
      }
    } catch (error) {
      if (signal.aborted) return;
      const reason = messageOf(error);
      getLogger("wasm").debug("Could not start a spare runner", { reason });
    }
  }

  #add(): void {
    const child = this.#start();
    this.#waiting.add(child);
    void child.status.then(() => {
      // Somebody killed it; the next one taken makes up for it.
      if (this.#waiting.delete(child)) void end(child);
    });
  }
}

async function end(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    // It has ended already, which Deno reports as either of these.
    const hasEnded = error instanceof Deno.errors.NotFound ||
      error instanceof TypeError;
    if (!hasEnded) throw error;
  }
  await Promise.all([
    child.status,
    child.stdout.cancel(),
    child.stderr.cancel(),
    // The other end is gone.
    child.stdin.abort().catch(() => undefined),
  ]);
}

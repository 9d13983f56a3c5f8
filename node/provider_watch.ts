import { messageOf } from "../async/message_of.ts";
import { abortable, type AbortOptions } from "../async/abort.ts";
import { ChangeFeed } from "../async/change_feed.ts";
import { Deadline } from "../async/deadline.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import { TaskGroup } from "../async/task_group.ts";
import type { Health, NodeFacts, Provider } from "../providers/provider.ts";

/** What a {@linkcode ProviderWatch} asks. */
export type WatchedProvider = Pick<
  Provider,
  "describeNode" | "checkHealth" | "conditions"
>;

/**
 * Asks a provider again and again what its node has and whether it can run pods.
 *
 * A provider that fails or hangs is asked again; what it said last stands until it has failed
 * three times in a row.
 */
export class ProviderWatch {
  readonly #provider: WatchedProvider;
  readonly #interval: number;
  readonly #facts: Reading<NodeFacts>;
  readonly #health: Reading<Health>;
  readonly #feed = new ChangeFeed<"provider">();
  /** Aborted when the next reading should not wait. */
  #hurry = new AbortController();

  /**
   * @param options Milliseconds between readings, and until one is given up; 10 s each, as the
   * kubelet's nodeStatusUpdateFrequency.
   */
  constructor(
    provider: WatchedProvider,
    { interval = 10_000, timeout = 10_000 }: {
      readonly interval?: number;
      readonly timeout?: number;
    } = {},
  ) {
    this.#provider = provider;
    this.#interval = interval;
    this.#facts = new Reading(
      "describeNode",
      (options) => this.#provider.describeNode(options),
      timeout,
    );
    this.#health = new Reading(
      "checkHealth",
      (options) => this.#provider.checkHealth(options),
      timeout,
    );
  }

  /** The latest facts; undefined until the provider has told them once. */
  get facts(): NodeFacts | undefined {
    return this.#facts.value;
  }

  /** The latest health; unhealthy while unknown. */
  get health(): Health {
    const { value, failures, error } = this.#health;
    if (value !== undefined && failures < tolerated) return value;
    const message = failures === 0
      ? "The provider has not been asked yet"
      : `The provider does not answer: ${messageOf(error)}`;
    return { kind: "unhealthy", reason: "ProviderNotResponding", message };
  }

  /** Yields after each reading, and at first. Ends on abort. */
  changes({ signal }: AbortOptions): AsyncGenerator<"provider"> {
    return this.#feed.changes({ signal }, () => ["provider"]);
  }

  /** Asks until aborted; at once when one of the provider's conditions may have changed. */
  async run({ signal }: AbortOptions): Promise<void> {
    await using group = new TaskGroup(signal);
    for (const source of this.#provider.conditions ?? []) {
      group.spawn(async (signal) => {
        for await (const _ of source.changes({ signal })) this.#hurry.abort();
      });
    }
    group.spawn((signal) => this.#ask({ signal }));
    await group.join();
  }

  async #ask({ signal }: AbortOptions): Promise<void> {
    try {
      while (true) {
        this.#hurry = new AbortController();
        const startedAt = performance.now();
        await Promise.all([
          this.#facts.read({ signal }),
          this.#health.read({ signal }),
        ]);
        this.#feed.notify("provider");
        // A provider that has never answered keeps the node from starting: ask it sooner.
        const wait = this.facts === undefined
          ? Math.min(1_000, this.#interval)
          : this.#interval;
        const spent = performance.now() - startedAt;
        await this.#pause(Math.max(0, wait - spent), { signal });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Waits, unless there is a reason to hurry. */
  async #pause(ms: number, { signal }: AbortOptions): Promise<void> {
    signal.throwIfAborted();
    const hurry = this.#hurry.signal;
    const stop = new AbortController();
    const end = () => stop.abort();
    signal.addEventListener("abort", end, { once: true });
    hurry.addEventListener("abort", end, { once: true });
    try {
      if (!hurry.aborted) await delay(ms, stop);
    } catch {
      signal.throwIfAborted();
    } finally {
      signal.removeEventListener("abort", end);
      hurry.removeEventListener("abort", end);
    }
  }
}

/** Failures in a row that do not count yet: with 10 s each, the 30 s of the kubelet's runtime check. */
const tolerated = 3;

const log = getLogger("node");

/** A value that is read by a call that may fail or hang. */
class Reading<T> {
  value: T | undefined;
  failures = 0;
  error: unknown;
  readonly #name: string;
  readonly #call: (options: AbortOptions) => Promise<T>;
  readonly #timeout: number;
  /** A call that does not heed its signal: no other is started beside it. */
  #pending: Promise<T> | undefined;

  constructor(
    name: string,
    call: (options: AbortOptions) => Promise<T>,
    timeout: number,
  ) {
    this.#name = name;
    this.#call = call;
    this.#timeout = timeout;
  }

  /** Rejects only when aborted. */
  async read({ signal }: AbortOptions): Promise<void> {
    using deadline = new Deadline(this.#timeout, { signal });
    try {
      this.#pending ??= Promise.resolve().then(() => this.#call(deadline))
        .finally(() => this.#pending = undefined);
      this.value = await abortable(this.#pending, deadline);
      this.failures = 0;
    } catch (error) {
      signal.throwIfAborted();
      this.failures++;
      this.error = deadline.expired
        ? new Error(`No answer within ${this.#timeout / 1000} s`)
        : error;
      log.warn("Provider failed; asking again", {
        call: this.#name,
        failures: this.failures,
        error: this.error,
      });
    }
  }
}

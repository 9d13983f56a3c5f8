import type { AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import type { KubeClient } from "./client.ts";
import { ApiError } from "./errors.ts";
import { apiPath } from "./paths.ts";
import type { Event, ObjectReference } from "./types.ts";

/** What happened, in the words of `kubectl describe`. */
export interface EventText {
  readonly type: "Normal" | "Warning";
  /** A CamelCase word of the kubelet's vocabulary, such as `Started`. */
  readonly reason: string;
  /** A sentence. */
  readonly message: string;
}

/** Takes Events, and never makes its caller wait. */
export interface EventSink {
  record(object: ObjectReference, event: EventText): void;
}

const log = getLogger("events");
const component = "farlet";
/** The kubelet's `eventRecordQPS` and `eventBurst`. */
const rate = { perSecond: 50, burst: 100 };
const maxQueued = 10_000;
/** How many different Events are remembered to count repeats, as client-go's correlator. */
const maxRemembered = 4_096;
const flushTime = 2_000;
const attempts = 3;
const retryDelay = 1_000;

/** An Event that was written once, for counting its repeats. */
interface Written {
  readonly name: string;
  count: number;
}

interface Queued {
  readonly key: string;
  readonly object: ObjectReference;
  readonly event: EventText;
  readonly at: string;
}

/**
 * Writes core/v1 Events in the background, at most 50 a second after a burst of 100.
 *
 * A repeat of an Event (same object, type, reason and message) counts up the first one. Events are
 * lost, and that is logged once, when more than ten thousand wait.
 */
export class EventRecorder implements EventSink {
  readonly #client: KubeClient;
  readonly #host: string;
  readonly #queue: Queued[] = [];
  readonly #written = new Map<string, Written>();
  #wake = Promise.withResolvers<void>();
  #dropped = 0;

  /** @param options.host The name of the node, as `source.host`. */
  constructor(client: KubeClient, { host }: { readonly host: string }) {
    this.#client = client;
    this.#host = host;
  }

  /** How many Events were lost because too many waited. */
  get dropped(): number {
    return this.#dropped;
  }

  record(object: ObjectReference, event: EventText): void {
    if (this.#queue.length >= maxQueued) {
      if (this.#dropped === 0) log.warn("Too many events wait; some are lost");
      this.#dropped += 1;
      return;
    }
    const { uid = "", fieldPath = "" } = object;
    const { type, reason, message } = event;
    const key = [uid, fieldPath, type, reason, message].join("\n");
    const at = new Date().toISOString().replace(/\.\d+Z$/, "Z");
    this.#queue.push({ key, object, event, at });
    this.#wake.resolve();
  }

  /** Writes what is recorded until aborted; then, for at most 2 s, what still waits. */
  async run({ signal }: AbortOptions): Promise<void> {
    const limiter = new TokenBucket(rate);
    signal.addEventListener("abort", () => this.#wake.resolve(), {
      once: true,
    });
    while (!signal.aborted) {
      const next = this.#queue.shift();
      if (next === undefined) {
        await this.#wake.promise;
        this.#wake = Promise.withResolvers<void>();
        continue;
      }
      try {
        await limiter.take({ signal });
        await this.#write(next, { signal });
      } catch (error) {
        if (!signal.aborted) throw error;
        this.#queue.unshift(next);
      }
    }
    await this.#flush();
  }

  async #flush(): Promise<void> {
    using deadline = new Deadline(flushTime, new AbortController());
    try {
      for (const next of this.#queue.splice(0)) {
        await this.#write(next, deadline);
      }
    } catch (error) {
      if (!deadline.expired) throw error;
      log.debug("Events were lost at the end");
    }
  }

  async #write(queued: Queued, options: AbortOptions): Promise<void> {
    for (let attempt = 1;; attempt++) {
      try {
        return await this.#createOrCount(queued, options);
      } catch (error) {
        options.signal.throwIfAborted();
        const { reason } = queued.event;
        // 4xx: the namespace or the object is going away, or we may not; asking again is no use.
        const final = error instanceof ApiError && error.code < 500 &&
          error.code !== 429;
        if (final || attempt === attempts) {
          log.debug("Cannot record an event", { reason, error });
          return;
        }
        await delay(retryDelay * attempt, options);
      }
    }
  }

  async #createOrCount(
    { key, object, event, at }: Queued,
    options: AbortOptions,
  ): Promise<void> {
    const { namespace = "default" } = object;
    const written = this.#written.get(key);
    if (written !== undefined) {
      const { name } = written;
      const count = written.count + 1;
      const path = apiPath("v1", "events", { namespace, name });
      try {
        await this.#client.patch(path, { count, lastTimestamp: at }, options);
        written.count = count;
        return;
      } catch (error) {
        // Events live for an hour; one that has expired is written anew.
        if (!(error instanceof ApiError && error.code === 404)) throw error;
      }
    }
    const created = await this.#client.create<Event>(
      apiPath("v1", "events", { namespace }),
      this.#event({ object, event, at }, namespace),
      options,
    );
    this.#remember(key, created.metadata.name ?? "");
  }

  #event(
    { object, event, at }: Omit<Queued, "key">,
    namespace: string,
  ): Event {
    const suffix = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `${object.name ?? "object"}.${suffix}`, namespace },
      involvedObject: object,
      ...event,
      // The API takes no longer message.
      message: event.message.slice(0, 1024),
      source: { component, host: this.#host },
      reportingComponent: component,
      reportingInstance: this.#host,
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
    };
  }

  #remember(key: string, name: string): void {
    this.#written.delete(key);
    this.#written.set(key, { name, count: 1 });
    const [oldest] = this.#written.keys();
    if (this.#written.size > maxRemembered && oldest !== undefined) {
      this.#written.delete(oldest);
    }
  }
}

/** Lets `burst` pass at once, and then so many a second. */
class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #filledAt = Date.now();

  constructor(
    { perSecond, burst }: {
      readonly perSecond: number;
      readonly burst: number;
    },
  ) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
  }

  async take(options: AbortOptions): Promise<void> {
    const now = Date.now();
    const filled = this.#tokens + (now - this.#filledAt) * this.#perMs;
    this.#tokens = Math.min(this.#burst, filled);
    this.#filledAt = now;
    this.#tokens -= 1;
    if (this.#tokens >= 0) return;
    await delay(-this.#tokens / this.#perMs, options);
  }
}

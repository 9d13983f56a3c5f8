import type { AbortOptions } from "../async/abort.ts";
import { type Backoff, backoffDelay } from "../async/backoff.ts";
import { Deadline } from "../async/deadline.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import { ApiError } from "./errors.ts";
import { type CorrelatedEvent, EventCorrelator } from "./event_correlator.ts";
import { LruMap } from "./lru_map.ts";
import { apiPath } from "./paths.ts";
import { TokenBucket } from "./token_bucket.ts";
import { apiTime } from "./time.ts";
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
  /** @param object With UID, namespace and, for a container, `fieldPath`. */
  record(object: ObjectReference, event: EventText): void;
}

const log = getLogger("events");
/** The kubelet's own name in Events: what selects Events by `source` finds those of farlet too. */
export const eventComponent = "kubelet";
/** The kubelet's `eventRecordQPS` and `eventBurst`. */
const rate = { perSecond: 50, burst: 100 };
const maxWaiting = 10_000;
/** How many Events are remembered by name, as client-go's correlator. */
const maxRemembered = 4_096;
const flushTime = 2_000;
/** For a server that answers and fails. */
const maxAttempts = 5;
/** How old an Event may grow that no server takes: client-go tries 12 times, 10 s apart. */
const maxAge = 120_000;
const retry: Backoff = { base: 1_000, cap: 10_000 };

/** An Event that is still to be written, as it stands by now. */
interface Waiting {
  readonly object: ObjectReference;
  readonly correlated: CorrelatedEvent;
}

/** What writes Events. */
export interface EventClient {
  create(path: string, body: Event, options: AbortOptions): Promise<unknown>;
  patch(path: string, body: unknown, options: AbortOptions): Promise<unknown>;
}

/** Options for {@linkcode EventRecorder}. */
export interface EventRecorderOptions {
  /** The name of the node, as `source.host`. */
  readonly host: string;
  /** The time; the system's by default. */
  readonly now?: () => Date;
}

/**
 * Writes core/v1 Events in the background, at most 50 a second after a burst of 100.
 *
 * What becomes of an Event is up to an {@linkcode EventCorrelator}. While no server takes them,
 * Events wait for two minutes and are lost then; also those beyond ten thousand are lost, which is
 * logged once.
 */
export class EventRecorder implements EventSink {
  readonly #client: EventClient;
  readonly #host: string;
  readonly #now: () => Date;
  readonly #correlator = new EventCorrelator();
  /** By the correlator's keys, in the order in which they came. */
  readonly #waiting = new Map<string, Waiting>();
  /** The names of the Events that were written, by the same keys. */
  readonly #written = new LruMap<string, string>(maxRemembered);
  #wake = Promise.withResolvers<void>();
  #dropped = 0;

  constructor(
    client: EventClient,
    { host, now = () => new Date() }: EventRecorderOptions,
  ) {
    this.#client = client;
    this.#host = host;
    this.#now = now;
  }

  /** How many Events were lost because too many waited, or one waited too long. */
  get dropped(): number {
    return this.#dropped;
  }

  record(object: ObjectReference, event: EventText): void {
    const correlated = this.#correlator.correlate(object, event, this.#now());
    if (correlated === undefined) return;
    const { key } = correlated;
    if (!this.#waiting.has(key) && this.#waiting.size >= maxWaiting) {
      if (this.#dropped === 0) log.warn("Too many events wait; some are lost");
      this.#dropped += 1;
      return;
    }
    this.#waiting.set(key, { object, correlated });
    this.#wake.resolve();
  }

  /** Writes what is recorded until aborted; then, for at most 2 s, what still waits. */
  async run({ signal }: AbortOptions): Promise<void> {
    const bucket = new TokenBucket(rate);
    // What is being written when `signal` aborts goes on: else it might be written twice.
    using end = new Deadline(never, new AbortController());
    const stop = () => {
      end.extend(flushTime);
      this.#wake.resolve();
    };
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    try {
      await this.#drain(bucket, signal, end);
    } catch (error) {
      if (!end.expired) throw error;
      log.debug("Lost events at the end", { count: this.#waiting.size });
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async #drain(
    bucket: TokenBucket,
    signal: AbortSignal,
    end: AbortOptions,
  ): Promise<void> {
    while (true) {
      const [next] = this.#waiting;
      if (next === undefined) {
        if (signal.aborted) return;
        await this.#wake.promise;
        this.#wake = Promise.withResolvers<void>();
        continue;
      }
      if (!signal.aborted) await bucket.take(end);
      const [key, waiting] = next;
      this.#waiting.delete(key);
      await this.#write(waiting, end);
    }
  }

  async #write(waiting: Waiting, options: AbortOptions): Promise<void> {
    const name = newName(waiting.object);
    for (let attempt = 1;; attempt++) {
      try {
        if (await this.#countUp(waiting, options)) return;
        return await this.#create(name, waiting, options);
      } catch (error) {
        options.signal.throwIfAborted();
        const isAnswer = error instanceof ApiError;
        if (isFinal(error) || (isAnswer && attempt === maxAttempts)) {
          const { object, correlated: { event: { reason } } } = waiting;
          log.debug("Cannot record an event", { object, reason, error });
          return;
        }
        if (this.#isTooOld(waiting)) return this.#dropOld(error);
        await delay(backoffDelay(attempt, retry), options);
      }
    }
  }

  #isTooOld({ correlated: { lastAt } }: Waiting): boolean {
    return this.#now().getTime() - lastAt.getTime() >= maxAge;
  }

  /** Gives up the Event that was being written, and all that are as old. */
  #dropOld(error: unknown): void {
    const old = [...this.#waiting].filter(([, each]) => this.#isTooOld(each));
    for (const [key] of old) this.#waiting.delete(key);
    this.#dropped += old.length + 1;
    log.debug("Lost events that no server took", {
      count: old.length + 1,
      error,
    });
  }

  /** Counts up an Event that was written before; false if there is none. */
  async #countUp(
    { object: { namespace }, correlated }: Waiting,
    options: AbortOptions,
  ): Promise<boolean> {
    const { key, event, count, lastAt } = correlated;
    const name = this.#written.get(key);
    if (name === undefined) return false;
    const patch = {
      count,
      lastTimestamp: apiTime(lastAt),
      message: shortMessage(event),
    };
    try {
      await this.#client.patch(eventsPath(namespace, name), patch, options);
      return true;
    } catch (error) {
      // Events live for an hour; one that has expired is written anew.
      if (!isGone(error)) throw error;
      this.#written.delete(key);
      return false;
    }
  }

  async #create(
    name: string,
    { object, correlated }: Waiting,
    options: AbortOptions,
  ): Promise<void> {
    const { namespace = "default" } = object;
    const { key, event, count, firstAt, lastAt } = correlated;
    const body: Event = {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name, namespace },
      involvedObject: object,
      ...event,
      message: shortMessage(event),
      source: { component: eventComponent, host: this.#host },
      reportingComponent: eventComponent,
      reportingInstance: this.#host,
      // Events have whole seconds.
      firstTimestamp: apiTime(firstAt),
      lastTimestamp: apiTime(lastAt),
      count,
    };
    try {
      await this.#client.create(eventsPath(namespace), body, options);
    } catch (error) {
      // Nobody else has this name: the answer to an earlier attempt was lost.
      if (!isDuplicate(error)) throw error;
    }
    this.#written.set(key, name);
  }
}

/** The longest time that a timer takes, in milliseconds. */
const never = 2 ** 31 - 1;

function eventsPath(namespace = "default", name?: string): string {
  return apiPath("v1", "events", { namespace, name });
}

function newName({ name = "object" }: ObjectReference): string {
  const suffix = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  return `${name.slice(0, 236)}.${suffix}`;
}

/** The API server takes no longer message. */
function shortMessage({ message }: EventText): string {
  return message.slice(0, 1024);
}

function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.code === 404;
}

function isDuplicate(error: unknown): boolean {
  return error instanceof ApiError && error.reason === "AlreadyExists";
}

/** The namespace or the object is going away, or we may not: asking again is no use. */
function isFinal(error: unknown): boolean {
  return error instanceof ApiError && error.code < 500 && error.code !== 429;
}

import type { AbortOptions } from "../async/abort.ts";
import { type Backoff, backoffDelay } from "../async/backoff.ts";
import { Deadline } from "../async/deadline.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import type { KubeClient } from "./client.ts";
import { ApiError } from "./errors.ts";
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
const component = "farlet";
/** The kubelet's `eventRecordQPS` and `eventBurst`. */
const rate = { perSecond: 50, burst: 100 };
const maxWaiting = 10_000;
/** How many different Events are remembered to count repeats, as client-go's correlator. */
const maxRemembered = 4_096;
const flushTime = 2_000;
const maxAttempts = 5;
const retry: Backoff = { base: 1_000, cap: 10_000 };

/** An Event that was written once, for counting its repeats. */
interface Written {
  readonly name: string;
  readonly count: number;
}

/** An Event that is still to be written, and its repeats meanwhile. */
interface Waiting {
  readonly object: ObjectReference;
  readonly event: EventText;
  readonly firstAt: string;
  lastAt: string;
  count: number;
}

/**
 * Writes core/v1 Events in the background, at most 50 a second after a burst of 100.
 *
 * A repeat of an Event (same object, type, reason and message) counts up the first one. Events are
 * lost, and that is logged once, when more than ten thousand different ones wait.
 */
export class EventRecorder implements EventSink {
  readonly #client: KubeClient;
  readonly #host: string;
  /** By what makes Events repeats of each other, in the order in which they came. */
  readonly #waiting = new Map<string, Waiting>();
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
    const { uid = "", fieldPath = "" } = object;
    const { type, reason, message } = event;
    const key = [uid, fieldPath, type, reason, message].join("\n");
    // Events have whole seconds.
    const now = apiTime(new Date());
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) {
      waiting.count += 1;
      waiting.lastAt = now;
      return;
    }
    if (this.#waiting.size >= maxWaiting) {
      if (this.#dropped === 0) log.warn("Too many events wait; some are lost");
      this.#dropped += 1;
      return;
    }
    const fresh = { object, event, firstAt: now, lastAt: now, count: 1 };
    this.#waiting.set(key, fresh);
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
      await this.#write(key, waiting, end);
    }
  }

  async #write(
    key: string,
    waiting: Waiting,
    options: AbortOptions,
  ): Promise<void> {
    const name = newName(waiting.object);
    for (let attempt = 1;; attempt++) {
      try {
        if (await this.#countUp(key, waiting, options)) return;
        return await this.#create(key, name, waiting, options);
      } catch (error) {
        options.signal.throwIfAborted();
        if (isFinal(error) || attempt === maxAttempts) {
          const { object, event: { reason } } = waiting;
          log.debug("Cannot record an event", { object, reason, error });
          return;
        }
        await delay(backoffDelay(attempt, retry), options);
      }
    }
  }

  /** Counts up an Event that was written before; false if there is none. */
  async #countUp(
    key: string,
    { object: { namespace }, count, lastAt }: Waiting,
    options: AbortOptions,
  ): Promise<boolean> {
    const written = this.#written.get(key);
    if (written === undefined) return false;
    const total = written.count + count;
    const path = eventsPath(namespace, written.name);
    try {
      const patch = { count: total, lastTimestamp: lastAt };
      await this.#client.patch(path, patch, options);
    } catch (error) {
      // Events live for an hour; one that has expired is written anew.
      if (isGone(error)) return false;
      throw error;
    }
    this.#remember(key, { name: written.name, count: total });
    return true;
  }

  async #create(
    key: string,
    name: string,
    { object, event, firstAt, lastAt, count }: Waiting,
    options: AbortOptions,
  ): Promise<void> {
    const { namespace = "default" } = object;
    const body: Event = {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name, namespace },
      involvedObject: object,
      ...event,
      // The API server takes no longer message.
      message: event.message.slice(0, 1024),
      source: { component, host: this.#host },
      reportingComponent: component,
      reportingInstance: this.#host,
      firstTimestamp: firstAt,
      lastTimestamp: lastAt,
      count,
    };
    try {
      await this.#client.create(eventsPath(namespace), body, options);
    } catch (error) {
      // Nobody else has this name: the answer to an earlier attempt was lost.
      if (!isDuplicate(error)) throw error;
    }
    this.#remember(key, { name, count });
  }

  #remember(key: string, written: Written): void {
    this.#written.delete(key);
    this.#written.set(key, written);
    const [oldest] = this.#written.keys();
    if (this.#written.size > maxRemembered && oldest !== undefined) {
      this.#written.delete(oldest);
    }
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

import type { AbortOptions } from "../async/abort.ts";
import { ChangeFeed } from "../async/change_feed.ts";
import { eventComponent, type EventSink, type EventText } from "./events.ts";
import { apiTime } from "./time.ts";
import type { Event, ObjectReference } from "./types.ts";

/** How many different Events are kept. */
const defaultLimit = 1_000;

/**
 * Remembers the latest Events on their way to `next`, so that they can be told without a cluster.
 *
 * A repeat (same object, type, reason and message) counts up the first one.
 */
export class RecentEvents implements EventSink {
  readonly #next: EventSink;
  readonly #host: string;
  readonly #limit: number;
  /** By what makes Events repeats of each other; the latest last. */
  readonly #events = new Map<string, Event>();
  readonly #feed = new ChangeFeed<string>();

  /** @param options.host The name of the node, as `source.host`. */
  constructor(
    next: EventSink,
    { host, limit = defaultLimit }: {
      readonly host: string;
      readonly limit?: number;
    },
  ) {
    this.#next = next;
    this.#host = host;
    this.#limit = limit;
  }

  record(object: ObjectReference, event: EventText): void {
    this.#next.record(object, event);
    const { uid = "", fieldPath = "" } = object;
    const { type, reason, message } = event;
    const key = [uid, fieldPath, type, reason, message].join("\n");
    const known = this.#events.get(key);
    this.#events.delete(key);
    this.#events.set(key, this.#event(object, event, known));
    const [oldest] = this.#events.keys();
    if (this.#events.size > this.#limit && oldest !== undefined) {
      this.#events.delete(oldest);
    }
    this.#feed.notify("events");
  }

  /** The Events, the latest last. */
  list(): Iterable<Event> {
    return this.#events.values();
  }

  /** Yields when there is something new. Ends on abort. */
  changes(options: AbortOptions): AsyncIterable<string> {
    return this.#feed.changes(options);
  }

  #event(
    object: ObjectReference,
    event: EventText,
    known: Event | undefined,
  ): Event {
    const now = apiTime(new Date());
    if (known !== undefined) {
      return { ...known, count: (known.count ?? 1) + 1, lastTimestamp: now };
    }
    const { name = "object", namespace = "default" } = object;
    const uid = crypto.randomUUID();
    const suffix = uid.replaceAll("-", "").slice(0, 16);
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: {
        name: `${name}.${suffix}`,
        namespace,
        uid,
        creationTimestamp: now,
      },
      involvedObject: object,
      ...event,
      source: { component: eventComponent, host: this.#host },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    };
  }
}

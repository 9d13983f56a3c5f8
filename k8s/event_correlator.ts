import type { EventText } from "./events.ts";
import { LruMap } from "./lru_map.ts";
import type { ObjectReference } from "./types.ts";

/** An Event as it should stand in the API now. */
export interface CorrelatedEvent {
  /** The same for all that is told by one Event object. */
  readonly key: string;
  readonly event: EventText;
  /** How often it happened since it was first seen, also where that was not told. */
  readonly count: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
}

interface Similar {
  /** Different messages seen; at most one less than {@linkcode maxSimilar}. */
  readonly messages: Set<string>;
  readonly lastAt: number;
}

interface Budget {
  readonly events: number;
  readonly at: number;
}

/** The limits of client-go's `EventCorrelator`, which the kubelet uses as they are. */
const maxEntries = 4_096;
const maxSimilar = 10;
const similarInterval = 600_000;
const burst = 25;
const refill = 300_000;

/**
 * Decides what becomes of each Event, as client-go does: repeats count one Event up; from the tenth
 * message of one object, type and reason within ten minutes on they are combined in one; and more
 * than 25 of one type about an object, and then one in five minutes, are not told at all.
 *
 * Remembers at most 4096 of each kind. Pure but for that: the caller tells the time.
 */
export class EventCorrelator {
  readonly #similar = new LruMap<string, Similar>(maxEntries);
  readonly #seen = new LruMap<string, { count: number; firstAt: Date }>(
    maxEntries,
  );
  readonly #budgets = new LruMap<string, Budget>(maxEntries);

  /** What to write of an Event that happens now; undefined for what is one too many. */
  correlate(
    object: ObjectReference,
    event: EventText,
    now: Date,
  ): CorrelatedEvent | undefined {
    const about = objectKey(object);
    const similarKey = [about, event.type, event.reason].join("\n");
    const isCombined = this.#isCombined(similarKey, event.message, now);
    const key = isCombined
      ? similarKey
      : [similarKey, object.fieldPath ?? "", event.message].join("\n");
    const before = this.#seen.get(key);
    const count = (before?.count ?? 0) + 1;
    const firstAt = before?.firstAt ?? now;
    this.#seen.set(key, { count, firstAt });
    if (!this.#mayTell([about, event.type].join("\n"), now)) return undefined;
    const message = isCombined
      ? `(combined from similar events): ${event.message}`
      : event.message;
    const told = { ...event, message };
    return { key, event: told, count, firstAt, lastAt: now };
  }

  #isCombined(key: string, message: string, now: Date): boolean {
    const before = this.#similar.get(key);
    const isRecent = before !== undefined &&
      now.getTime() - before.lastAt <= similarInterval;
    const messages = isRecent ? before.messages : new Set<string>();
    messages.add(message);
    this.#similar.set(key, { messages, lastAt: now.getTime() });
    if (messages.size < maxSimilar) return false;
    const [any = ""] = messages;
    messages.delete(any);
    return true;
  }

  #mayTell(key: string, now: Date): boolean {
    const at = now.getTime();
    const { events, at: since } = this.#budgets.get(key) ??
      { events: burst, at };
    // A clock that is set back gives nothing and takes nothing.
    const earned = Math.max(0, at - since) / refill;
    const left = Math.min(burst, events + earned);
    const tells = left >= 1;
    this.#budgets.set(key, { events: tells ? left - 1 : left, at });
    return tells;
  }
}

function objectKey(
  { apiVersion = "", kind = "", namespace = "", name = "", uid = "" }:
    ObjectReference,
): string {
  return [apiVersion, kind, namespace, name, uid].join("\n");
}

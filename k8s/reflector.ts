import type { AbortOptions } from "../async/abort.ts";
import { abortable } from "../async/abort.ts";
import { type Backoff, backoffDelay, jitter } from "../async/backoff.ts";
import { ChangeFeed } from "../async/change_feed.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import type { KubeClient } from "./client.ts";
import { ApiError } from "./errors.ts";
import type { KubernetesObject } from "./types.ts";

/** Options for {@linkcode Reflector}. */
export interface ReflectorOptions<T> {
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  /** What tells the objects apart; their UID by default. */
  readonly keyOf?: (object: T) => string;
}

const log = getLogger("k8s");
const reconnect: Backoff = { base: 200, cap: 30_000 };
const pageSize = 500;
/** A watch that ends within this time, without an event, counts as failed (as in client-go). */
const shortWatch = 1_000;

/**
 * A copy of a collection of the API, kept up to date by list and watch.
 *
 * A watch that ends goes on from the last resource version; one that is too old (410) is followed
 * by a new list. An object that vanished meanwhile is reported like one that was deleted.
 */
export class Reflector<T extends KubernetesObject> {
  readonly #client: KubeClient;
  readonly #path: string;
  readonly #selectors: Readonly<Record<string, string>>;
  readonly #keyOf: (object: T) => string;
  readonly #objects = new Map<string, T>();
  readonly #feed = new ChangeFeed<string>();
  readonly #synced = Promise.withResolvers<void>();
  #resourceVersion: string | undefined;
  #lastSyncedAt: Date | undefined;
  #failures = 0;

  constructor(
    client: KubeClient,
    path: string,
    { fieldSelector, labelSelector, keyOf = uidOf }: ReflectorOptions<T> = {},
  ) {
    this.#client = client;
    this.#path = path;
    this.#selectors = {
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
    };
    this.#keyOf = keyOf;
  }

  /** When the collection was last listed as a whole; undefined before the first time. */
  get lastSyncedAt(): Date | undefined {
    return this.#lastSyncedAt;
  }

  /** Whether the last contact with the API server succeeded. */
  get reachable(): boolean {
    return this.#lastSyncedAt !== undefined && this.#failures === 0;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): Iterable<T> {
    return this.#objects.values();
  }

  /** Keys of objects that are new, changed or gone; those known first. Ends on abort. */
  changes(options: AbortOptions): AsyncIterable<string> {
    return this.#feed.changes(options, () => this.#objects.keys());
  }

  /** Resolves when the collection was listed for the first time. */
  synced(options: AbortOptions): Promise<void> {
    return abortable(this.#synced.promise, options);
  }

  /** Follows the collection until aborted, through every failure. */
  async run({ signal }: AbortOptions): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === undefined) await this.#list({ signal });
        await this.#watch({ signal });
      } catch (error) {
        if (signal.aborted) return;
        if (isExpired(error)) {
          this.#resourceVersion = undefined;
          continue;
        }
        await this.#waitAfter(error, { signal });
      }
    }
  }

  async #list({ signal }: AbortOptions): Promise<void> {
    const found = new Map<string, T>();
    let resourceVersion: string | undefined;
    let next: string | undefined;
    do {
      const { metadata, items } = await this.#client.list<T>(this.#path, {
        query: {
          ...this.#selectors,
          limit: pageSize,
          ...(next === undefined ? {} : { continue: next }),
        },
        signal,
      });
      for (const item of items) found.set(this.#keyOf(item), item);
      resourceVersion = metadata.resourceVersion;
      next = metadata.continue || undefined;
    } while (next !== undefined);
    this.#replace(found);
    this.#resourceVersion = resourceVersion;
    this.#lastSyncedAt = new Date();
    this.#recovered();
    this.#synced.resolve();
  }

  #replace(found: ReadonlyMap<string, T>): void {
    for (const key of [...this.#objects.keys()]) {
      if (found.has(key)) continue;
      this.#objects.delete(key);
      this.#feed.notify(key);
    }
    for (const [key, object] of found) this.#store(key, object);
  }

  /** Keeps an object, and tells of it if it is another version than before. */
  #store(key: string, object: T): void {
    const version = ({ metadata }: KubernetesObject) =>
      metadata?.resourceVersion;
    const before = this.#objects.get(key);
    if (before !== undefined && version(before) === version(object)) return;
    this.#objects.set(key, object);
    this.#feed.notify(key);
  }

  async #watch({ signal }: AbortOptions): Promise<void> {
    const begun = Date.now();
    let eventCount = 0;
    const events = this.#client.watch<T>(this.#path, {
      query: {
        ...this.#selectors,
        resourceVersion: this.#resourceVersion,
        allowWatchBookmarks: true,
      },
      onOpen: () => this.#recovered(),
      signal,
    });
    for await (const event of events) {
      eventCount += 1;
      if (event.type === "DELETED") {
        const key = this.#keyOf(event.object);
        this.#objects.delete(key);
        this.#feed.notify(key);
      } else if (event.type !== "BOOKMARK") {
        this.#store(this.#keyOf(event.object), event.object);
      }
      const { resourceVersion } = event.object.metadata ?? {};
      this.#resourceVersion = resourceVersion ?? this.#resourceVersion;
    }
    if (eventCount === 0 && Date.now() - begun < shortWatch) {
      throw new Error("The API server ended the watch at once");
    }
  }

  #recovered(): void {
    if (this.#failures > 0) {
      log.info("Following the API server again", { path: this.#path });
    }
    this.#failures = 0;
  }

  async #waitAfter(error: unknown, options: AbortOptions): Promise<void> {
    this.#failures += 1;
    // Said once; what follows is the same trouble.
    const say = this.#failures === 1 ? log.warn : log.debug;
    say.call(log, "Cannot follow the API server; trying again", {
      path: this.#path,
      error,
    });
    try {
      await delay(jitter(backoffDelay(this.#failures, reconnect)), options);
    } catch (reason) {
      if (!options.signal.aborted) throw reason;
    }
  }
}

function isExpired(error: unknown): boolean {
  return error instanceof ApiError &&
    (error.code === 410 || error.reason === "Expired");
}

function uidOf({ metadata }: KubernetesObject): string {
  return metadata?.uid ?? "";
}

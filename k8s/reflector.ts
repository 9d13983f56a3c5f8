import type { AbortOptions } from "../async/abort.ts";
import { abortable } from "../async/abort.ts";
import { type Backoff, backoffDelay, jitter } from "../async/backoff.ts";
import { ChangeFeed } from "../async/change_feed.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import type { KubeClient, ObjectList } from "./client.ts";
import { ApiError } from "./errors.ts";
import type { KubernetesObject } from "./types.ts";
import type { WatchEvent } from "./watch.ts";

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
/** Milliseconds after which an open watch counts as healthy; one that ends before has failed. */
const healthyAfter = 1_000;

/**
 * A copy of a collection of the API, kept up to date by list and watch.
 *
 * A watch that ends goes on from the last resource version; one that is too old (410) is followed
 * by a new list. An object that vanished meanwhile is reported like one that was deleted. The
 * copies have no `managedFields`: nobody reads them, and they are half of an object.
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
  /** In a row, without a healthy watch in between: for the backoff. */
  #failures = 0;
  #reachable = false;
  /** Whether the current trouble was said. */
  #warned = false;

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

  /** Whether the API server answered when it was last asked; it may have said no. */
  get reachable(): boolean {
    return this.#reachable;
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
        this.#resourceVersion ??= await this.#list({ signal });
        await this.#watch(this.#resourceVersion, { signal });
      } catch (error) {
        if (signal.aborted) return;
        await this.#waitAfter(error, { signal });
      }
    }
  }

  /** Lists everything, and returns the resource version of that. */
  async #list(options: AbortOptions): Promise<string> {
    const found = new Map<string, T>();
    let page: ObjectList<T> | undefined;
    do {
      page = await this.#page(page?.metadata.continue, options);
      for (const item of page.items) found.set(this.#keyOf(item), item);
    } while (page.metadata.continue);
    this.#replace(found);
    this.#lastSyncedAt = new Date();
    this.#recovered();
    this.#synced.resolve();
    return page.metadata.resourceVersion ?? "";
  }

  #page(
    token: string | undefined,
    { signal }: AbortOptions,
  ): Promise<ObjectList<T>> {
    return this.#client.list<T>(this.#path, {
      query: { ...this.#selectors, limit: pageSize, continue: token },
      signal,
    });
  }

  #replace(found: ReadonlyMap<string, T>): void {
    for (const key of [...this.#objects.keys()]) {
      if (!found.has(key)) this.#remove(key);
    }
    for (const [key, object] of found) this.#store(key, object);
  }

  #remove(key: string): void {
    if (this.#objects.delete(key)) this.#feed.notify(key);
  }

  /** Keeps an object, and tells of it if it is another version than before. */
  #store(key: string, object: T): void {
    const before = this.#objects.get(key)?.metadata?.resourceVersion;
    if (
      before !== undefined && before === object.metadata?.resourceVersion
    ) return;
    delete object.metadata?.managedFields;
    this.#objects.set(key, object);
    this.#feed.notify(key);
  }

  async #watch(
    resourceVersion: string,
    { signal }: AbortOptions,
  ): Promise<void> {
    let openedAt: number | undefined;
    let told = false;
    try {
      const events = this.#client.watch<T>(this.#path, {
        query: {
          ...this.#selectors,
          resourceVersion,
          allowWatchBookmarks: true,
        },
        onOpen: () => {
          openedAt = performance.now();
          this.#recovered();
        },
        signal,
      });
      for await (const event of events) {
        this.#apply(event);
        this.#failures = 0;
        told = true;
      }
    } catch (error) {
      // An ERROR event, or a version that the server does not have any more, or not yet.
      if (
        error instanceof ApiError &&
        (openedAt !== undefined || unknownVersion.has(error.code))
      ) this.#resourceVersion = undefined;
      throw error;
    } finally {
      const lived = performance.now() - (openedAt ?? Infinity);
      if (lived >= healthyAfter) this.#failures = 0;
    }
    // A server under load ends a watch that it finds slow; that is no trouble if it told something.
    const lived = performance.now() - (openedAt ?? Infinity);
    if (!told && lived < healthyAfter) {
      throw new Error(`Cannot watch ${this.#path}: the watch ended at once`);
    }
  }

  #apply(event: WatchEvent<T>): void {
    switch (event.type) {
      case "ADDED":
      case "MODIFIED":
        this.#store(this.#keyOf(event.object), event.object);
        break;
      case "DELETED":
        this.#remove(this.#keyOf(event.object));
        break;
      case "BOOKMARK":
        break;
    }
    const { resourceVersion } = event.object.metadata ?? {};
    this.#resourceVersion = resourceVersion ?? this.#resourceVersion;
  }

  #recovered(): void {
    this.#reachable = true;
    if (!this.#warned) return;
    this.#warned = false;
    log.info("Following the API server again", { path: this.#path });
  }

  async #waitAfter(error: unknown, options: AbortOptions): Promise<void> {
    this.#failures += 1;
    this.#reachable = error instanceof ApiError;
    // An old version is no trouble: the next list tells. Trouble is said once.
    const quiet = this.#warned ||
      (error instanceof ApiError && error.code === 410);
    const fields = { path: this.#path, error };
    if (quiet) {
      log.debug("Cannot follow the API server; trying again", fields);
    } else {
      this.#warned = true;
      log.warn("Cannot follow the API server; trying again", fields);
    }
    try {
      await delay(jitter(backoffDelay(this.#failures, reconnect)), options);
    } catch (reason) {
      if (!options.signal.aborted) throw reason;
    }
  }
}

/** 410: compacted. 504: ahead of the server, as after etcd was restored from a backup. */
const unknownVersion: ReadonlySet<number> = new Set([410, 504]);

function uidOf({ metadata }: KubernetesObject): string {
  return metadata?.uid ?? "";
}

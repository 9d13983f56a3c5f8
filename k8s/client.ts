import type { AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import type { Metrics } from "../async/metrics.ts";
import type { ApiCredentials } from "./credentials.ts";
import { ApiError, UnreachableError } from "./errors.ts";
import type { Query } from "./paths.ts";
import { type ApiRequest, ApiTransport } from "./transport.ts";
import { type WatchEvent, watchEvents } from "./watch.ts";

/** Options for {@linkcode KubeClient}. */
export interface KubeClientOptions {
  /** Milliseconds within which an answer must have come, but for a watch; 30 s by default. */
  readonly timeout?: number;
  /** Milliseconds of silence after which a watch with bookmarks counts as dead; 240 s by default. */
  readonly watchSilence?: number;
  /** Where requests are counted; nowhere unless given. */
  readonly metrics?: Metrics;
}

/** Options of a request that reads. */
export interface ReadOptions extends AbortOptions {
  readonly query?: Query;
}

/** Options for {@linkcode KubeClient.patch}. */
export interface PatchOptions extends AbortOptions {
  /** How the patch is meant; `strategic` by default. */
  readonly type?: "strategic" | "merge" | "json";
}

/** Options for {@linkcode KubeClient.delete}. */
export interface DeleteOptions extends AbortOptions {
  /** 0 removes the object at once; by default the object itself says. */
  readonly gracePeriodSeconds?: number;
  /** Only this object, not another one of the same name: else a 409 {@linkcode ApiError}. */
  readonly uid?: string;
}

/** Options for {@linkcode KubeClient.watch}. */
export interface WatchOptions extends ReadOptions {
  /** Called when the server has accepted the watch, which may be long before the first event. */
  readonly onOpen?: () => void;
}

/** One page of a collection. */
export interface ObjectList<T> {
  readonly metadata: {
    readonly resourceVersion?: string;
    /** Where the next page starts; absent or empty on the last one. */
    readonly continue?: string;
  };
  readonly items: T[];
}

/**
 * Speaks with one API server. Paths come from `apiPath()`.
 *
 * Every request rejects with an {@linkcode ApiError} if the server says no, and with an
 * {@linkcode UnreachableError} if no whole answer comes in time.
 */
export class KubeClient implements Disposable {
  readonly #transport: ApiTransport;
  readonly #timeout: number;
  readonly #watchSilence: number;

  constructor(
    credentials: ApiCredentials,
    { timeout = 30_000, watchSilence = 240_000, metrics }: KubeClientOptions =
      {},
  ) {
    this.#transport = new ApiTransport(credentials, { metrics });
    this.#timeout = timeout;
    this.#watchSilence = watchSilence;
  }

  /** The API server's URL. */
  get server(): string {
    return this.#transport.server;
  }

  /** Reads an object; undefined if there is none. */
  async get<T>(path: string, options: ReadOptions): Promise<T | undefined> {
    const { query } = options;
    try {
      return await this.#json<T>({ method: "GET", path, query }, options);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Reads one page of a collection: all of it without a `limit` in the query. */
  list<T>(path: string, options: ReadOptions): Promise<ObjectList<T>> {
    const { query } = options;
    return this.#json({ method: "GET", path, query }, options);
  }

  /** Creates an object in the collection at `path`, or asks for a review there. */
  create<T>(path: string, body: unknown, options: AbortOptions): Promise<T> {
    return this.#json({ method: "POST", path, body }, options);
  }

  /** Replaces an object; its `resourceVersion`, if given, must still be the current one. */
  replace<T>(path: string, body: unknown, options: AbortOptions): Promise<T> {
    return this.#json({ method: "PUT", path, body }, options);
  }

  /** Changes parts of an object. */
  patch<T>(path: string, body: unknown, options: PatchOptions): Promise<T> {
    const contentType = patchTypes[options.type ?? "strategic"];
    return this.#json({ method: "PATCH", path, body, contentType }, options);
  }

  /** Deletes an object; false if there is none. */
  async delete(path: string, options: DeleteOptions): Promise<boolean> {
    const { gracePeriodSeconds, uid } = options;
    const body = {
      apiVersion: "v1",
      kind: "DeleteOptions",
      gracePeriodSeconds,
      ...(uid === undefined ? {} : { preconditions: { uid } }),
    };
    try {
      await this.#json({ method: "DELETE", path, body }, options);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /**
   * Yields what happens in a collection, until the server ends it after 5 to 10 minutes, or after
   * the query's `timeoutSeconds`.
   *
   * @throws {ApiError} Also for an error that comes within the stream, for example 410 `Expired`.
   * @throws {UnreachableError} Also if the connection is cut or has died.
   * @throws {Error} If the stream is garbled.
   */
  async *watch<T>(
    path: string,
    { signal, query, onOpen }: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    // As client-go: a random time, so that not all watches come back at once.
    const timeoutSeconds = Number(
      query?.["timeoutSeconds"] ?? Math.ceil(300 * (1 + Math.random())),
    );
    const request: ApiRequest = {
      method: "GET",
      path,
      query: { ...query, watch: true, timeoutSeconds },
    };
    using deadline = new Deadline(this.#timeout, { signal });
    try {
      const response = await this.#transport.send(request, deadline);
      // The server ends a watch on time, and sends bookmarks if asked to: measured, each 1 to 2 min.
      const silence = Math.min(
        (timeoutSeconds + 30) * 1000,
        query?.["allowWatchBookmarks"] === true ? this.#watchSilence : Infinity,
      );
      deadline.extend(silence);
      onOpen?.();
      const chunks = this.#transport.chunks(response, deadline);
      yield* watchEvents<T>(
        eachChunk(chunks, () => deadline.extend(silence)),
        `GET ${path}`,
      );
    } catch (error) {
      throw this.#failure(request, error, deadline, signal);
    }
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  async #json<T>(
    request: ApiRequest,
    { signal }: AbortOptions,
  ): Promise<T> {
    using deadline = new Deadline(this.#timeout, { signal });
    try {
      const response = await this.#transport.send(request, deadline);
      const text = await this.#transport.text(response, deadline);
      return parseJson(request, text) as T;
    } catch (error) {
      throw this.#failure(request, error, deadline, signal);
    }
  }

  #failure(
    { method, path }: ApiRequest,
    error: unknown,
    deadline: Deadline,
    signal: AbortSignal,
  ): unknown {
    if (signal.aborted) return signal.reason;
    if (!deadline.expired) return error;
    const why = `${method} ${path} had no answer in time`;
    return new UnreachableError(this.server, why, { cause: error });
  }
}

const patchTypes = {
  strategic: "application/strategic-merge-patch+json",
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
} as const;

function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.code === 404;
}

function parseJson({ method, path }: ApiRequest, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`Cannot ${method} ${path}: the answer is not JSON`, {
      cause,
    });
  }
}

async function* eachChunk(
  chunks: AsyncIterable<Uint8Array>,
  look: () => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    look();
    yield chunk;
  }
}

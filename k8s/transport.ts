import type { AbortOptions } from "../async/abort.ts";
import { delay } from "../async/delay.ts";
import type { Counter, Metrics } from "../async/metrics.ts";
import type { ApiCredentials } from "./credentials.ts";
import { ApiError, connectionFailure, UnreachableError } from "./errors.ts";
import { type Query, withQuery } from "./paths.ts";

/** One request to the API server. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Query | undefined;
  /** Anything that JSON can say. */
  readonly body?: unknown;
  /** `application/json` by default. */
  readonly contentType?: string;
}

/**
 * Connections to one API server, with our credentials on every request.
 *
 * Retries what the server asks to retry, and authorizes anew once when it says 401.
 */
export class ApiTransport implements Disposable {
  readonly #credentials: ApiCredentials;
  readonly #http: Deno.HttpClient;
  readonly #requests: Counter | undefined;

  constructor(
    credentials: ApiCredentials,
    { metrics }: { readonly metrics?: Metrics | undefined } = {},
  ) {
    this.#credentials = credentials;
    this.#requests = metrics?.counter({
      name: "rest_client_requests_total",
      help:
        "[ALPHA] Number of HTTP requests, partitioned by status code, method, and host.",
    });
    this.#http = openHttpClient(credentials);
  }

  get server(): string {
    return this.#credentials.server;
  }

  /**
   * Sends a request; the response is ok, and its body is still to be read.
   *
   * @throws {ApiError} If the server says no.
   * @throws {UnreachableError} If no answer comes.
   */
  async send(request: ApiRequest, options: AbortOptions): Promise<Response> {
    for (let retries = 0;; retries++) {
      const response = await this.#authorized(request, options);
      if (response.ok) return response;
      const wait = retries < maxRetries
        ? retryAfter(request, response)
        : undefined;
      if (wait === undefined) {
        throw await this.#refusal(request, response, options);
      }
      await response.body?.cancel();
      await delay(wait, options);
    }
  }

  /** Reads a whole body. Throws {@linkcode UnreachableError} if it is cut. */
  async text(response: Response, { signal }: AbortOptions): Promise<string> {
    try {
      return await response.text();
    } catch (error) {
      throw this.#unreachable(error, signal);
    }
  }

  /** Yields a body as it comes. Throws {@linkcode UnreachableError} if it is cut. */
  async *chunks(
    response: Response,
    { signal }: AbortOptions,
  ): AsyncGenerator<Uint8Array> {
    if (response.body === null) return;
    const reader = response.body.getReader();
    try {
      while (true) {
        const { done, value } = await reader.read();
        if (done) return;
        yield value;
      }
    } catch (error) {
      throw this.#unreachable(error, signal);
    } finally {
      await reader.cancel().catch(ignoreSecondFailure);
    }
  }

  [Symbol.dispose](): void {
    this.#http.close();
  }

  async #authorized(
    request: ApiRequest,
    options: AbortOptions,
  ): Promise<Response> {
    const headers = requestHeaders(request);
    await this.#credentials.authorize(headers, options);
    const response = await this.#fetch(request, headers, options);
    if (response.status !== 401) return response;
    const anew = requestHeaders(request);
    await this.#credentials.authorize(anew, { ...options, fresh: true });
    if (anew.get("authorization") === headers.get("authorization")) {
      return response;
    }
    await response.body?.cancel();
    return this.#fetch(request, anew, options);
  }

  async #fetch(
    { method, path, query, body }: ApiRequest,
    headers: Headers,
    { signal }: AbortOptions,
  ): Promise<Response> {
    const count = (code: string) =>
      this.#requests?.add({ code, host: new URL(this.server).host, method });
    try {
      const response = await fetch(`${this.server}${withQuery(path, query)}`, {
        method,
        headers,
        signal,
        client: this.#http,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      count(String(response.status));
      return response;
    } catch (error) {
      // As client-go counts what got no answer.
      if (!signal.aborted) count("<error>");
      throw this.#unreachable(error, signal);
    }
  }

  async #refusal(
    { method, path }: ApiRequest,
    response: Response,
    options: AbortOptions,
  ): Promise<ApiError> {
    const text = await this.text(response, options);
    return ApiError.fromResponse(`${method} ${path}`, response, text);
  }

  #unreachable(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    const why = connectionFailure(error);
    return new UnreachableError(this.server, why, { cause: error });
  }
}

const maxRetries = 3;
const longestRetryAfterMs = 10_000;

/** Idle connections that are kept; more than requests are ever in flight at once. */
const maxIdleConnections = 32;

/**
 * HTTP/1.1 on purpose: over HTTP/2 all requests share one connection, the API server allows 100
 * streams on it, and the runtime queues the rest for ever behind open watches (measured: with 100
 * watches every further request stalls). A hung connection also delays one request, not all.
 * Throughput is the same: 300 to 600 patches a second with 8 to 32 in flight.
 */
function openHttpClient(
  { caCertificates, clientCertificate, proxyUrl }: ApiCredentials,
): Deno.HttpClient {
  return Deno.createHttpClient({
    caCerts: [...caCertificates],
    http1: true,
    http2: false,
    poolMaxIdlePerHost: maxIdleConnections,
    ...(proxyUrl === undefined ? {} : { proxy: { url: proxyUrl } }),
    ...(clientCertificate === undefined ? {} : {
      cert: clientCertificate.certificate,
      key: clientCertificate.key,
    }),
  });
}

function requestHeaders({ body, contentType }: ApiRequest): Headers {
  const headers = new Headers({
    "accept": "application/json",
    "user-agent": "farlet",
  });
  if (body !== undefined) {
    headers.set("content-type", contentType ?? "application/json");
  }
  return headers;
}

/**
 * Milliseconds until the server wants to be asked again, if the request may be repeated.
 *
 * 429 comes before any work was done; 503 may come after, so a POST is not repeated.
 */
function retryAfter(
  { method }: ApiRequest,
  { status, headers }: Response,
): number | undefined {
  if (status !== 429 && (status !== 503 || method === "POST")) return undefined;
  const ms = Number(headers.get("retry-after") ?? NaN) * 1000;
  return ms >= 0 && ms <= longestRetryAfterMs ? ms : undefined;
}

function ignoreSecondFailure(): void {
  // Cancelling a stream that has failed rejects with the same error, which was thrown already.
}

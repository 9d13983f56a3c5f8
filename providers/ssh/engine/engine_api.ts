import * as z from "zod";
import type { AbortOptions } from "../../../async/abort.ts";
import type { DuplexStream } from "../../../async/byte_stream.ts";
import { Deadline } from "../../../async/deadline.ts";
import { messageOf } from "../../../async/message_of.ts";
import { Semaphore } from "../../../async/semaphore.ts";
import { UnreachableError } from "../../errors.ts";
import { EngineError } from "./engine_error.ts";
import type { HttpAnswer, HttpClient } from "./http_client.ts";
import {
  ConnectionLostError,
  type HttpRequest,
} from "../../../async/http_connection.ts";

/** What is asked of an engine. */
export interface EngineRequest {
  /** For messages: "Cannot" comes before it, as in `start container "x"`. */
  readonly what: string;
  readonly method: HttpRequest["method"];
  /** Without the version of the API and without a query; names in it are encoded already. */
  readonly path: string;
  /** What is undefined is left out. */
  readonly query?: Readonly<
    Record<string, string | number | boolean | undefined>
  >;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly body?: ReadableStream<Uint8Array>;
  /** As {@linkcode HttpRequest.repeatable}. */
  readonly repeatable?: boolean;
}

/** Options for {@linkcode EngineApi}. */
export interface EngineApiOptions {
  readonly http: HttpClient;
  /** For messages: `Podman on root@10.0.0.7`. */
  readonly name: string;
  /** The version of the API in every path, such as `1.41`; none unless given. */
  readonly version?: string;
  /** How many requests with a short answer are under way at once; 16 unless given. */
  readonly maxRequests?: number;
}

/** The kubelet's `runtimeRequestTimeout`. */
const answerTime = 120_000;
const maxAnswerBytes = 16 * 1024 * 1024;
const maxErrorBytes = 64 * 1024;

/**
 * Requests to an engine. What it refuses is an `EngineError`; that it cannot be reached, does not
 * answer in 2 minutes, or is lost in the middle of an answer is an `UnreachableError`.
 */
export class EngineApi {
  readonly name: string;
  readonly #http: HttpClient;
  readonly #version: string | undefined;
  readonly #turns: Semaphore;

  constructor({ http, name, version, maxRequests = 16 }: EngineApiOptions) {
    this.name = name;
    this.#http = http;
    this.#version = version;
    this.#turns = new Semaphore(maxRequests);
  }

  /** Drops the connections that nobody uses. */
  closeIdle(): void {
    this.#http.closeIdle();
  }

  /** For requests whose answer is JSON of a known shape. */
  async json<T>(
    request: EngineRequest,
    schema: z.ZodType<T>,
    options: AbortOptions,
  ): Promise<T> {
    const { text } = await this.do(request, options);
    return this.#parse(request, text, schema);
  }

  /** As {@linkcode json}, but undefined when the engine answers that it is not there, or nothing. */
  async find<T>(
    request: EngineRequest,
    schema: z.ZodType<T>,
    options: AbortOptions,
  ): Promise<T | undefined> {
    try {
      const { text } = await this.do(request, options);
      return text === "" ? undefined : this.#parse(request, text, schema);
    } catch (error) {
      if (error instanceof EngineError && error.isNotFound) return undefined;
      throw error;
    }
  }

  /** For requests with a short answer, or none. */
  async do(
    request: EngineRequest,
    { signal }: AbortOptions,
  ): Promise<{ readonly headers: Headers; readonly text: string }> {
    using _turn = await this.#turns.acquire({ signal });
    using deadline = new Deadline(answerTime, { signal });
    return await this.#reach(request, deadline, async () => {
      const answer = await this.#http.request(this.#http11(request), deadline);
      if (failed(answer)) throw await engineError(request, answer);
      const text = await readText(answer, maxAnswerBytes);
      return { headers: answer.headers, text };
    });
  }

  /**
   * For answers that go on: the stream fails as requests do. Resolves when the answer has begun,
   * however long that takes.
   */
  async stream(
    request: EngineRequest,
    { signal }: AbortOptions,
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const { body } = await this.#reach(request, { signal }, async () => {
      const answer = await this.#http.request(this.#http11(request), {
        signal,
      });
      if (failed(answer)) throw await engineError(request, answer);
      return answer;
    });
    const reader = body.getReader();
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: async (controller) => {
        const { done, value } = await this.#reach(
          request,
          { signal },
          () => reader.read(),
        );
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    }, { highWaterMark: 0 });
  }

  /** For requests that take the connection over. Aborting drops it, also later. */
  async upgrade(
    request: EngineRequest,
    { signal }: AbortOptions,
  ): Promise<DuplexStream> {
    return await this.#reach(request, { signal }, async () => {
      const upgrade = await this.#http.upgrade(this.#http11(request), {
        signal,
      });
      if (upgrade.kind === "upgraded") return upgrade.stream;
      throw await engineError(request, upgrade.answer);
    });
  }

  #http11(
    { method, path, query = {}, headers, json, body, repeatable }:
      EngineRequest,
  ): HttpRequest {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) parameters.set(name, String(value));
    }
    const prefix = this.#version === undefined ? "" : `/v${this.#version}`;
    const end = parameters.size === 0 ? "" : `?${parameters}`;
    const content = json === undefined
      ? body
      : new TextEncoder().encode(JSON.stringify(json));
    return {
      method,
      path: `${prefix}${path}${end}`,
      headers: {
        ...(json !== undefined && { "content-type": "application/json" }),
        ...(body !== undefined && { "content-type": "application/x-tar" }),
        ...headers,
      },
      ...(content !== undefined && { body: content }),
      ...(repeatable !== undefined && { repeatable }),
    };
  }

  #parse<T>(
    { what }: EngineRequest,
    text: string,
    schema: z.ZodType<T>,
  ): T {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new Error(
        `Cannot ${what}: ${this.name} answered with what is not JSON`,
        { cause: error },
      );
    }
    const answer = schema.safeParse(value);
    if (answer.success) return answer.data;
    const { error } = answer;
    throw new Error(
      `Cannot ${what}: ${this.name} answered with something else:\n${
        z.prettifyError(error)
      }`,
      { cause: error },
    );
  }

  /** Does something with the engine, and says what it means when that fails. */
  async #reach<T>(
    { what }: EngineRequest,
    until: AbortOptions | Deadline,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const late = until instanceof Deadline && until.expired;
      if (until.signal.aborted && !late) throw until.signal.reason;
      if (!late && !(error instanceof ConnectionLostError)) throw error;
      const why = late
        ? `it did not answer within ${answerTime / 1000} s`
        : messageOf(error);
      throw new UnreachableError(
        `Cannot ${what}: ${this.name} cannot be reached: ${why}`,
        { cause: error },
      );
    }
  }
}

function failed({ status }: HttpAnswer): boolean {
  return status >= 400;
}

async function readText(
  { body }: HttpAnswer,
  maxBytes: number,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new RangeError(
        `Cannot read the answer of an engine: it is longer than ${maxBytes} bytes`,
      );
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

const errorAnswer = z.object({ message: z.string() });

async function engineError(
  { what }: EngineRequest,
  answer: HttpAnswer,
): Promise<EngineError> {
  const { status } = answer;
  const text = (await readText(answer, maxErrorBytes)).trim();
  let engineMessage = text === "" ? `HTTP status ${status}` : text;
  try {
    engineMessage = errorAnswer.parse(JSON.parse(text)).message;
  } catch {
    // What stands in front of an engine may answer in plain text.
  }
  return new EngineError(`Cannot ${what}`, { status, engineMessage });
}

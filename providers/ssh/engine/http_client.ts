import type { AbortOptions } from "../../../async/abort.ts";
import type { DuplexStream } from "../../../async/byte_stream.ts";
import type { ResponseHead } from "../../../async/http_head.ts";
import {
  type BodySource,
  ConnectionLostError,
  HttpConnection,
  type HttpRequest,
} from "../../../async/http_connection.ts";

/** The answer to a request. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  /**
   * To be read to its end or cancelled: the connection is kept for it until then. It reads ahead
   * of nobody, and fails when the signal of the request aborts.
   */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** The answer to a request for a connection without HTTP. */
export type Upgrade =
  | { readonly kind: "upgraded"; readonly stream: DuplexStream }
  | { readonly kind: "refused"; readonly answer: HttpAnswer };

/** Options for {@linkcode HttpClient}. */
export interface HttpClientOptions {
  /** Makes a connection to the server. */
  readonly dial: (options: AbortOptions) => Promise<DuplexStream>;
  /** How many connections are kept for later while nobody uses them; 4 unless given. */
  readonly maxIdle?: number;
}

/**
 * An HTTP/1.1 client for one server, over whatever carries bytes. Errors of `dial` reach the
 * caller as they are; a connection that ends too early is a `ConnectionLostError`.
 */
export class HttpClient {
  readonly #dial: HttpClientOptions["dial"];
  readonly #maxIdle: number;
  readonly #idle = new Set<HttpConnection>();

  constructor({ dial, maxIdle = 4 }: HttpClientOptions) {
    this.#dial = dial;
    this.#maxIdle = maxIdle;
  }

  /** How many connections are kept that nobody uses. */
  get idle(): number {
    return this.#idle.size;
  }

  /** Resolves when the answer has begun. Aborting drops the connection, also later. */
  async request(
    request: HttpRequest,
    { signal }: AbortOptions,
  ): Promise<HttpAnswer> {
    const exchange = await this.#exchange(request, {}, signal);
    return this.#answer(request, exchange, signal);
  }

  /** Asks for the connection itself (as `Upgrade: tcp`). Aborting drops it, also later. */
  async upgrade(
    request: HttpRequest,
    { signal }: AbortOptions,
  ): Promise<Upgrade> {
    const extra = { connection: "Upgrade", upgrade: "tcp" };
    const exchange = await this.#exchange(request, extra, signal);
    const { connection, head, release } = exchange;
    // Engines that do not know of upgrades say 200 and switch nevertheless.
    if (head.status !== 101 && head.status !== 200) {
      const answer = this.#answer(request, exchange, signal);
      return { kind: "refused", answer };
    }
    const stream = connection.hijack();
    return {
      kind: "upgraded",
      stream: {
        ...stream,
        async close() {
          try {
            await stream.close();
          } finally {
            release();
          }
        },
        destroy() {
          release();
          stream.destroy();
        },
      },
    };
  }

  /** Drops the connections that nobody uses. */
  closeIdle(): void {
    for (const connection of this.#idle) connection.destroy();
    this.#idle.clear();
  }

  /** Sends a request and reads the head of the answer. */
  async #exchange(
    request: HttpRequest,
    extra: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Exchange> {
    signal.throwIfAborted();
    const kept = this.#takeIdle();
    if (kept !== undefined) {
      const exchange = await tryExchange(kept, request, extra, signal);
      if (typeof exchange !== "string") return exchange;
      const { body, method, repeatable = method !== "POST" } = request;
      if (!repeatable || body instanceof ReadableStream) throw lost();
    }
    const transport = await this.#dial({ signal });
    const connection = new HttpConnection(transport);
    const exchange = await tryExchange(connection, request, extra, signal);
    if (exchange === "gone") throw lost();
    return exchange;
  }

  #answer(
    request: HttpRequest,
    { connection, head, sent, release }: Exchange,
    signal: AbortSignal,
  ): HttpAnswer {
    const { status, headers } = head;
    let source: BodySource;
    try {
      source = connection.body(head, request);
    } catch (error) {
      release();
      connection.destroy();
      throw error;
    }
    const finish = () => {
      release();
      if (source.reusable && sent.all) this.#keep(connection);
      else connection.destroy();
    };
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      async pull(controller) {
        try {
          const bytes = await source.read();
          if (bytes !== undefined) return controller.enqueue(bytes);
        } catch (error) {
          release();
          connection.destroy();
          signal.throwIfAborted();
          throw sent.failure ?? error;
        }
        if (signal.aborted) {
          connection.destroy();
          throw signal.reason;
        }
        finish();
        controller.close();
      },
      cancel() {
        release();
        connection.destroy();
      },
    }, { highWaterMark: 0 });
    return { status, headers, body };
  }

  #takeIdle(): HttpConnection | undefined {
    // The one that was used last is the likeliest to be alive.
    const connection = [...this.#idle].at(-1);
    if (connection !== undefined) this.#idle.delete(connection);
    return connection;
  }

  #keep(connection: HttpConnection): void {
    if (connection.destroyed || this.#idle.size >= this.#maxIdle) {
      return connection.destroy();
    }
    this.#idle.add(connection);
    connection.watch(() => {
      if (this.#idle.delete(connection)) connection.destroy();
    });
  }
}

interface Exchange {
  readonly connection: HttpConnection;
  readonly head: ResponseHead;
  readonly sent: SendState;
  /** Lets go of the signal. */
  readonly release: () => void;
}

/** How far a request is: the answer may come before all of it is sent. */
interface SendState {
  all: boolean;
  failure?: unknown;
}

/** `gone` when the connection ended before the server had answered anything. */
async function tryExchange(
  connection: HttpConnection,
  request: HttpRequest,
  extra: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Exchange | "gone"> {
  const drop = () => connection.destroy();
  signal.addEventListener("abort", drop, { once: true });
  if (signal.aborted) drop(); // it aborted while the connection was made
  const release = () => signal.removeEventListener("abort", drop);
  const sent: SendState = { all: false };
  connection.send(request, extra).then(
    () => sent.all = true,
    (error) => {
      sent.failure = error;
      // The source of the body failed, or the server reads no more: it may still have answered.
      if (!(error instanceof ConnectionLostError)) connection.destroy();
    },
  );
  try {
    const head = await connection.readHead();
    signal.throwIfAborted();
    if (head !== undefined) return { connection, head, sent, release };
  } catch (error) {
    release();
    connection.destroy();
    throw error;
  }
  release();
  connection.destroy();
  const { failure } = sent;
  if (failure === undefined || failure instanceof ConnectionLostError) {
    return "gone";
  }
  throw failure;
}

function lost(): ConnectionLostError {
  return new ConnectionLostError("The connection was lost");
}

import { type DuplexStream, PushbackStream } from "./byte_stream.ts";
import { readResponseHead, type ResponseHead } from "./http_head.ts";
import { ChunkedDecoder } from "./chunked_decoder.ts";

/** A request of HTTP/1.1. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** With its query, percent-encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream is sent in chunks, and cancelled if the server does not want all of it. */
  readonly body?: Uint8Array | ReadableStream<Uint8Array>;
  /**
   * Whether it may be sent again when a kept connection turns out to be gone; every method but
   * POST unless given, and never with a stream.
   */
  readonly repeatable?: boolean;
}

/** The body of an answer. */
export interface BodySource {
  /** The next bytes, in memory of their own; undefined at the end. */
  read(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Whether the connection can carry another request after the end. */
  readonly reusable: boolean;
}

/** A connection ended before what it was to carry. */
export class ConnectionLostError extends Error {
  override readonly name = "ConnectionLostError";
}

const encoder = new TextEncoder();
const mostInterim = 100;

/** One connection to a server, for one request after the other. */
export class HttpConnection {
  readonly #transport: DuplexStream;
  readonly #input: AnswerStream;
  #ahead: Promise<Uint8Array | undefined> | undefined;
  #destroyed = false;

  constructor(transport: DuplexStream) {
    this.#transport = transport;
    this.#input = new AnswerStream({
      read: () => this.#read(),
      write: (bytes) => transport.write(bytes),
      close: () => transport.close(),
      destroy: () => transport.destroy(),
    });
  }

  get destroyed(): boolean {
    return this.#destroyed;
  }

  /**
   * Sends a request; resolves when all of it is sent. Rejects with a `ConnectionLostError`, or with
   * what its body failed with.
   */
  async send(
    { method, path, headers, body }: HttpRequest,
    extra: Readonly<Record<string, string>>,
  ): Promise<void> {
    const fields = { host: "engine", ...extra, ...headers };
    const lines = [`${method} ${path} HTTP/1.1`];
    for (const [name, value] of Object.entries(fields)) {
      lines.push(`${name}: ${value}`);
    }
    if (body instanceof ReadableStream) {
      lines.push("transfer-encoding: chunked");
    } else if (body !== undefined || method === "POST" || method === "PUT") {
      lines.push(`content-length: ${body?.length ?? 0}`);
    }
    const head = encoder.encode(`${lines.join("\r\n")}\r\n\r\n`);
    if (!(body instanceof ReadableStream)) {
      return await this.#write(concat(head, body));
    }
    // Locked at once: a caller that gave its stream away finds it so, whatever comes.
    const reader = body.getReader();
    try {
      await this.#write(head);
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        if (value.length > 0) await this.#write(framed(value));
      }
      await this.#write(encoder.encode("0\r\n\r\n"));
    } catch (error) {
      await reader.cancel(error).catch(() => undefined); // its own failure is `error`
      throw error;
    }
  }

  /** Undefined when the connection ends before there is an answer. */
  async readHead(): Promise<ResponseHead | undefined> {
    for (let i = 0; i < mostInterim; i++) {
      const head = await readResponseHead(this.#input);
      // 100 Continue and the like come before the answer.
      if (head === undefined || head.status >= 200 || head.status === 101) {
        return head;
      }
    }
    throw new Error("Cannot read the answer: it does not begin");
  }

  /** The body of the answer whose head was read last. */
  body({ status, headers }: ResponseHead, { method }: HttpRequest): BodySource {
    const keeps = !(headers.get("connection") ?? "").toLowerCase()
      .split(",").some((word) => word.trim() === "close");
    if (method === "HEAD" || status === 204 || status === 304) {
      return { read: () => Promise.resolve(undefined), reusable: keeps };
    }
    const encoding = headers.get("transfer-encoding")?.toLowerCase();
    if (encoding === "chunked") {
      return { read: chunkedBody(this.#input), reusable: keeps };
    }
    if (encoding !== undefined) {
      throw new Error(`Cannot read the answer: it is sent as "${encoding}"`);
    }
    const length = headers.get("content-length");
    if (length === null) {
      const read = async () => (await this.#input.read())?.slice();
      return { read, reusable: false };
    }
    if (!/^\d{1,15}$/.test(length)) {
      throw new Error(`Cannot read the answer: its length is "${length}"`);
    }
    return { read: sizedBody(this.#input, Number(length)), reusable: keeps };
  }

  /** Calls back when the connection is of no use any more while nobody uses it, maybe at once. */
  watch(onGone: () => void): void {
    if (this.#input.pending) return onGone();
    const ahead = this.#ahead ?? this.#transport.read();
    this.#ahead = ahead;
    const gone = () => {
      if (this.#ahead === ahead) onGone();
    };
    // Whatever comes is no answer to anything: the next one would be taken for another.
    ahead.then(gone, gone);
  }

  /** All that still comes, and our side, without HTTP from now on. */
  hijack(): DuplexStream {
    const transport = this.#transport;
    return {
      read: () => this.#input.read(),
      write: (bytes) => transport.write(bytes),
      closeWrite: () => transport.closeWrite(),
      close: () => transport.close(),
      destroy: () => this.destroy(),
    };
  }

  /** Drops it at once. Repeatable. */
  destroy(): void {
    this.#destroyed = true;
    this.#transport.destroy();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#transport.write(bytes);
    } catch (error) {
      throw new ConnectionLostError("The connection was lost", {
        cause: error,
      });
    }
  }

  #read(): Promise<Uint8Array | undefined> {
    const ahead = this.#ahead ?? this.#transport.read();
    this.#ahead = undefined;
    return ahead;
  }
}

/** Knows whether something came behind what was asked for. */
class AnswerStream extends PushbackStream {
  #pending = false;

  get pending(): boolean {
    return this.#pending;
  }

  override unread(bytes: Uint8Array): void {
    this.#pending = bytes.length > 0;
    super.unread(bytes);
  }

  override read(): Promise<Uint8Array | undefined> {
    this.#pending = false;
    return super.read();
  }
}

function chunkedBody(input: PushbackStream): BodySource["read"] {
  const decoder = new ChunkedDecoder();
  return async () => {
    while (!decoder.done) {
      const bytes = await input.read();
      if (bytes === undefined) {
        throw new ConnectionLostError("The connection was lost");
      }
      const { data, taken } = decoder.decode(bytes);
      if (taken < bytes.length) input.unread(bytes.slice(taken));
      if (data.length > 0) return data;
    }
    return undefined;
  };
}

function sizedBody(input: PushbackStream, length: number): BodySource["read"] {
  let left = length;
  return async () => {
    if (left === 0) return undefined;
    const bytes = await input.read();
    if (bytes === undefined) {
      throw new ConnectionLostError("The connection was lost");
    }
    const data = bytes.slice(0, left);
    if (data.length < bytes.length) input.unread(bytes.slice(data.length));
    left -= data.length;
    return data;
  };
}

function concat(head: Uint8Array, body: Uint8Array | undefined): Uint8Array {
  if (body === undefined || body.length === 0) return head;
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}

/** `data` as a chunk (RFC 9112, section 7.1). */
function framed(data: Uint8Array): Uint8Array {
  const size = encoder.encode(`${data.length.toString(16)}\r\n`);
  const chunk = new Uint8Array(size.length + data.length + 2);
  chunk.set(size);
  chunk.set(data, size.length);
  chunk[chunk.length - 2] = 13;
  chunk[chunk.length - 1] = 10;
  return chunk;
}

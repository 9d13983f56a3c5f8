import {
  closeConn,
  PushbackStream,
  writeConn,
} from "../../../async/byte_stream.ts";
import { ChunkedDecoder } from "../../../async/chunked_decoder.ts";
import { Deadline } from "../../../async/deadline.ts";
import {
  readResponseHead,
  type ResponseHead,
} from "../../../async/http_head.ts";
import { latin1Bytes } from "../../../async/latin1.ts";
import type { NameResolver } from "../name_resolver.ts";
import { connectHttp, type HttpServer } from "./http_connect.ts";
import { connectFailure, HttpFailure } from "./http_failure.ts";

/** A request to send. */
export interface ExchangeRequest extends HttpServer {
  readonly method: string;
  readonly path: string;
  /** Names and values, as bytes of Latin-1. */
  readonly headers: readonly (readonly [string, string])[];
  readonly authority: string;
  /** None: the request has no body. */
  readonly body: ReadableStream<Uint8Array> | undefined;
  /** What follows the body, once that has ended. */
  readonly trailers: () => readonly (readonly [string, string])[];
  /** In milliseconds. */
  readonly timeouts: {
    readonly connect: number;
    readonly firstByte: number;
    readonly betweenBytes: number;
  };
}

/** The answer to it. */
export interface ExchangeResponse {
  readonly head: ResponseHead;
  readonly body: ReadableStream<Uint8Array>;
}

/**
 * Sends a request of HTTP/1.1 over a connection of its own, and resolves when the head of the
 * response is there. Redirects are responses like others. Rejects with an {@linkcode HttpFailure}.
 */
export async function exchange(
  request: ExchangeRequest,
  names: NameResolver,
  signal: AbortSignal,
): Promise<ExchangeResponse> {
  const conn = await connected(request, names, signal);
  const drop = () => closeConn(conn);
  signal.addEventListener("abort", drop, { once: true });
  const input = new PushbackStream(streamOf(conn));
  try {
    const sending = send(conn, request);
    // A server may answer before it has all of the request; a failure here is also one of reading.
    const failed = sending.then(() => new Promise<never>(() => {}));
    const head = await Promise.race([
      timed(request.timeouts.firstByte, drop, () => finalHead(input)),
      failed,
    ]);
    const body = bodyOf(head, request, input, () => {
      signal.removeEventListener("abort", drop);
      drop();
    });
    return { head, body };
  } catch (error) {
    signal.removeEventListener("abort", drop);
    drop();
    throw connectFailure(error);
  }
}

async function connected(
  request: ExchangeRequest,
  names: NameResolver,
  signal: AbortSignal,
): Promise<Deno.Conn> {
  using limit = new Deadline(request.timeouts.connect, { signal });
  try {
    return await connectHttp(request, names, { signal: limit.signal });
  } catch (error) {
    if (!limit.expired) throw connectFailure(error);
    throw new HttpFailure({ tag: "connection-timeout" }, { cause: error });
  }
}

/** Unlike others, one that tells an end from a connection that is lost. */
function streamOf(conn: Deno.Conn) {
  const buffer = new Uint8Array(65536);
  return {
    read: async () => {
      const count = await conn.read(buffer);
      return count === null ? undefined : buffer.subarray(0, count);
    },
    write: (bytes: Uint8Array) => writeConn(conn, bytes),
    close: () => Promise.resolve(closeConn(conn)),
    destroy: () => closeConn(conn),
  };
}

async function send(
  conn: Deno.Conn,
  request: ExchangeRequest,
): Promise<void> {
  const { method, path, headers, authority, trailers } = request;
  const lines = [`${method} ${path} HTTP/1.1`, `host: ${authority}`];
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  const length = headers.find(([name]) => name.toLowerCase() === lengthName);
  // These seldom have a body, and not every server takes an empty one for none.
  const mayBeNone = length === undefined && ["GET", "HEAD"].includes(method);
  const body = mayBeNone ? await unlessEmpty(request.body) : request.body;
  const isChunked = body !== undefined && length === undefined;
  if (isChunked) lines.push("transfer-encoding: chunked");
  const hasLength = length !== undefined || isChunked ||
    ["GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "DELETE"].includes(method);
  if (!hasLength) lines.push("content-length: 0");
  lines.push("connection: close");
  await writeConn(conn, latin1Bytes(`${lines.join("\r\n")}\r\n\r\n`));
  let left = length === undefined ? 0 : Number(length[1]);
  for await (const bytes of body ?? []) {
    if (bytes.length === 0) continue;
    if (isChunked) {
      await writeConn(conn, latin1Bytes(`${bytes.length.toString(16)}\r\n`));
      await writeConn(conn, bytes);
      await writeConn(conn, latin1Bytes("\r\n"));
      continue;
    }
    left -= bytes.length;
    if (left < 0) break;
    await writeConn(conn, bytes);
  }
  if (isChunked) {
    const fields = trailers().map(([name, value]) => `${name}: ${value}\r\n`);
    await writeConn(conn, latin1Bytes(`0\r\n${fields.join("")}\r\n`));
  } else if (left !== 0) {
    throw new HttpFailure({ tag: "HTTP-request-body-size", val: undefined });
  }
}

/** A body as it is, once its first bytes are there; undefined where it has none. */
async function unlessEmpty(
  body: ReadableStream<Uint8Array> | undefined,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const chunks = body?.values();
  const first = await chunks?.next();
  if (chunks === undefined || first?.value === undefined) return undefined;
  return joined(first.value, chunks);
}

async function* joined<T>(first: T, others: AsyncIterableIterator<T>) {
  try {
    yield first;
    yield* others;
  } finally {
    // Who writes them learns that nobody reads on.
    await others.return?.();
  }
}

async function finalHead(input: PushbackStream): Promise<ResponseHead> {
  for (let i = 0; i < mostInterim; i++) {
    const head = await readHead(input);
    // 100 Continue and the like come before the answer.
    if (head.status >= 200 || head.status === 101) return head;
  }
  throw new HttpFailure({ tag: "HTTP-protocol-error" });
}

async function readHead(input: PushbackStream): Promise<ResponseHead> {
  try {
    const head = await readResponseHead(input);
    if (head !== undefined) return head;
  } catch (error) {
    const isText = error instanceof Error &&
      error.message.includes("not HTTP/1.1");
    if (!isText) throw error;
    throw new HttpFailure({ tag: "HTTP-protocol-error" }, { cause: error });
  }
  throw incomplete();
}

/** The body of a response: its end is an error where the server has not sent all of it. */
function bodyOf(
  { status, headers }: ResponseHead,
  { method, timeouts }: ExchangeRequest,
  input: PushbackStream,
  done: () => void,
): ReadableStream<Uint8Array> {
  const encoding = headers.get("transfer-encoding")?.toLowerCase();
  const declared = headers.get(lengthName);
  const isEmpty = method === "HEAD" || [204, 304].includes(status);
  const decoder = encoding === "chunked" ? new ChunkedDecoder() : undefined;
  // RFC 9112, section 6.3: what comes in chunks is as long as these.
  const isMeasured = declared !== null && decoder === undefined;
  let left = isEmpty ? 0 : isMeasured ? lengthOf(declared) : undefined;

  async function next(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (decoder?.done || left === 0) return undefined;
      const bytes = await input.read();
      if (bytes === undefined) {
        if (decoder === undefined && left === undefined) return undefined;
        throw incomplete();
      }
      if (decoder !== undefined && !isEmpty) {
        const { data } = decoder.decode(bytes);
        if (data.length > 0) return data;
        continue;
      }
      if (left === undefined) return bytes.slice();
      const data = bytes.slice(0, left);
      left -= data.length;
      return data;
    }
  }

  return new ReadableStream({
    async pull(controller) {
      try {
        const bytes = await timed(timeouts.betweenBytes, done, next);
        if (bytes !== undefined) return controller.enqueue(bytes);
        done();
        controller.close();
      } catch (error) {
        done();
        throw connectFailure(error);
      }
    },
    cancel: done,
  }, { highWaterMark: 0 });
}

function lengthOf(declared: string): number {
  if (/^\d+$/.test(declared)) return Number(declared);
  throw new HttpFailure({ tag: "HTTP-protocol-error" });
}

/** Fails, and has the connection dropped, when the time is up. */
async function timed<T>(
  ms: number,
  drop: () => void,
  read: () => Promise<T>,
): Promise<T> {
  const { signal } = new AbortController();
  using limit = new Deadline(ms, { signal });
  limit.signal.addEventListener("abort", () => limit.expired && drop());
  try {
    return await read();
  } catch (error) {
    if (!limit.expired) throw error;
    throw new HttpFailure({ tag: "connection-read-timeout" }, { cause: error });
  }
}

function incomplete(): HttpFailure {
  return new HttpFailure({ tag: "HTTP-response-incomplete" });
}

const lengthName = "content-length";

const mostInterim = 100;

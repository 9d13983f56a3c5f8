import type { AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import { getLogger } from "../async/log.ts";
import { BodyReader, pieceBytes } from "./body_reader.ts";
import type { PushbackStream } from "../async/byte_stream.ts";
import { type RequestHead, textResponse } from "../async/http_head.ts";

/** Answers a request; the signal aborts when the client has left. */
export type HttpHandler = (
  request: Request,
  options: AbortOptions,
) => Response | Promise<Response>;

/** Requests of the kubelet API have no body worth more. */
const maxBodyBytes = 64 * 1024;
const bodyMs = 10_000;
const log = getLogger("kubelet");
const encoder = new TextEncoder();

/**
 * Answers one HTTP/1.1 request, whose head was read from `stream`, and resolves whether the
 * connection may be used for another one. Rejects when the client has left.
 *
 * A slow client slows the body of its response down, and costs one buffer.
 */
export async function answerRequest(
  stream: PushbackStream,
  head: RequestHead,
  handler: HttpHandler,
  { signal }: AbortOptions,
): Promise<boolean> {
  const body = await bodyInTime(stream, head, { signal });
  if (body.kind === "refused") {
    await stream.write(textResponse(body.status, body.message));
    return false;
  }
  const request = newRequest(head, body.bytes);
  if (request === undefined) {
    await stream.write(textResponse(400, "Bad Request"));
    return false;
  }
  const left = new AbortController();
  const stop = () => left.abort(signal.reason);
  // AbortSignal.any() would keep every request for as long as the server runs.
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  stream.onEnd(() => left.abort(new Error("The client left")));
  try {
    const options = { signal: left.signal };
    const response = await handler(request, options);
    return await send(stream, head, response, options);
  } finally {
    signal.removeEventListener("abort", stop);
    // Whatever the handler has started for this request ends with it, also where nobody reads it.
    left.abort(new Error("The request is over"));
  }
}

type Body =
  | { readonly kind: "whole"; readonly bytes: Uint8Array<ArrayBuffer> }
  | {
    readonly kind: "refused";
    readonly status: 400 | 411 | 413;
    readonly message: string;
  };

/** Nobody is known yet: a body that does not come must not hold the connection. */
async function bodyInTime(
  stream: PushbackStream,
  head: RequestHead,
  { signal }: AbortOptions,
): Promise<Body> {
  using late = new Deadline(bodyMs, { signal });
  const destroy = () => {
    if (late.expired || signal.aborted) stream.destroy();
  };
  late.signal.addEventListener("abort", destroy, { once: true });
  return await readBody(stream, head);
}

async function readBody(
  stream: PushbackStream,
  { headers }: RequestHead,
): Promise<Body> {
  if (headers.has("transfer-encoding")) {
    return { kind: "refused", status: 411, message: "Length Required" };
  }
  const length = headers.get("content-length") ?? "0";
  // Two lengths that differ come as "1, 2": who disagrees about a request's end may smuggle one.
  if (!/^\d{1,15}$/.test(length)) {
    return { kind: "refused", status: 400, message: "Bad Request" };
  }
  if (Number(length) > maxBodyBytes) {
    return { kind: "refused", status: 413, message: "Content Too Large" };
  }
  const bytes = new Uint8Array(Number(length));
  if (bytes.length > 0 && headers.get("expect") !== null) {
    await stream.write(encoder.encode("HTTP/1.1 100 Continue\r\n\r\n"));
  }
  for (let filled = 0; filled < bytes.length;) {
    const chunk = await stream.read();
    if (chunk === undefined) throw new Error("The client left");
    const taken = chunk.subarray(0, bytes.length - filled);
    bytes.set(taken, filled);
    filled += taken.length;
    if (taken.length < chunk.length) {
      stream.unread(chunk.subarray(taken.length));
    }
  }
  return { kind: "whole", bytes };
}

/** Undefined for a target or a method that no route could have. */
function newRequest(
  { method, target, headers }: RequestHead,
  body: Uint8Array<ArrayBuffer>,
): Request | undefined {
  if (!target.startsWith("/")) return undefined;
  try {
    // Joined as text: resolving "//host/path" would make another host of it.
    return new Request(`http://kubelet${target}`, {
      method,
      headers,
      ...(body.length > 0 && { body }),
    });
  } catch (error) {
    log.debug("Refused a request", { method, error });
    return undefined;
  }
}

async function send(
  stream: PushbackStream,
  head: RequestHead,
  response: Response,
  options: AbortOptions,
): Promise<boolean> {
  const { status, headers, body } = response;
  const reusable = head.version === "1.1" &&
    !says(head.headers, "close") && !says(headers, "close");
  const chunked = body !== null && head.version === "1.1";
  const lines = [`HTTP/1.1 ${status} ${reasons[status] ?? "Unknown"}`];
  for (const [name, value] of headers) {
    if (name !== "connection") lines.push(`${name}: ${value}`);
  }
  lines.push(`date: ${new Date().toUTCString()}`);
  if (!reusable) lines.push("connection: close");
  if (chunked) lines.push("transfer-encoding: chunked");
  else if (body === null) lines.push("content-length: 0");
  try {
    await stream.write(encoder.encode(`${lines.join("\r\n")}\r\n\r\n`));
  } catch (error) {
    await body?.cancel(error);
    throw error;
  }
  if (body === null) return reusable;
  if (head.method === "HEAD") await body.cancel();
  else await sendBody(stream, body, { ...options, chunked });
  return reusable;
}

function says(headers: Headers, word: string): boolean {
  const words = headers.get("connection")?.toLowerCase().split(",") ?? [];
  return words.some((each) => each.trim() === word);
}

async function sendBody(
  stream: PushbackStream,
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  { chunked, signal }: AbortOptions & { readonly chunked: boolean },
): Promise<void> {
  const source = new BodyReader(body);
  const cancel = () => source.cancel(signal.reason);
  signal.addEventListener("abort", cancel, { once: true });
  try {
    signal.throwIfAborted();
    let sending: Promise<void> | undefined;
    for (;;) {
      const piece = await source.read();
      await sending;
      signal.throwIfAborted();
      if (piece === undefined) break;
      sending = stream.write(chunked ? framed(piece) : piece);
      // There is more where a whole piece came from: it is read meanwhile.
      if (piece.length < pieceBytes) await sending;
      else sending.catch(() => undefined); // Awaited above, when the next piece is there.
    }
    if (chunked) await stream.write(encoder.encode("0\r\n\r\n"));
  } catch (error) {
    cancel();
    throw error;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

/** `piece` as a chunk (RFC 9112, section 7.1), in the room around it. */
function framed(piece: Uint8Array<ArrayBuffer>): Uint8Array {
  const { buffer, byteOffset, length } = piece;
  const size = encoder.encode(`${length.toString(16)}\r\n`);
  const start = byteOffset - size.length;
  const chunk = new Uint8Array(buffer, start, size.length + length + 2);
  chunk.set(size);
  chunk[chunk.length - 2] = 13;
  chunk[chunk.length - 1] = 10;
  return chunk;
}

/** RFC 9110, section 15: those that the kubelet API answers with. */
const reasons: Readonly<Record<number, string>> = {
  200: "OK",
  202: "Accepted",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  422: "Unprocessable Entity",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
};

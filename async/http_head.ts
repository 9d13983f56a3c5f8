import type { ByteStream, PushbackStream } from "./byte_stream.ts";
import { latin1Text } from "./latin1.ts";

/** The first lines of an HTTP/1.1 request. */
export interface RequestHead {
  readonly method: string;
  /** As sent: a path with its query, without the host that clients of proxies put in front. */
  readonly target: string;
  readonly headers: Headers;
  readonly version: "1.0" | "1.1";
}

/** The outcome of {@linkcode readHead}. */
export type HeadResult =
  | { readonly kind: "head"; readonly head: RequestHead }
  /** The client left before it had said anything whole. */
  | { readonly kind: "ended" }
  /** Not HTTP/1.1, or longer than 64 KiB: to be answered with `status`. */
  | { readonly kind: "bad"; readonly status: 400 | 431 };

/** The first lines of an HTTP/1.1 response. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: Headers;
}

const maxHeadBytes = 64 * 1024;
const statusLine = /^HTTP\/1\.[01] (\d{3})(?: .*)?$/;
/** RFC 9112, section 3.2.2: servers take it, and Deno's client sends it over a unix socket. */
const absoluteForm = /^http:\/\/[^/?]*(?=\/)/i;
const requestLine = /^([A-Z]+) (\S+) HTTP\/(1\.[01])$/;

/** Reads the head of the next request; `stream` goes on with what follows it. */
export async function readHead(stream: PushbackStream): Promise<HeadResult> {
  const found = await receiveHead(stream);
  if (found.kind !== "received") return found;
  const { bytes, end } = found;
  const head = parseHead(bytes.subarray(0, end));
  if (head === undefined) return { kind: "bad", status: 400 };
  stream.unread(bytes.subarray(end));
  return { kind: "head", head };
}

/**
 * Reads the head of the next response; undefined when `stream` ends before that. It goes on with
 * what follows the head, without a look at its length or encoding.
 */
export async function readResponseHead(
  stream: PushbackStream,
): Promise<ResponseHead | undefined> {
  const found = await receiveHead(stream);
  if (found.kind === "ended") return undefined;
  const [first = "", ...lines] = found.kind === "bad"
    ? []
    : headLines(found.bytes.subarray(0, found.end));
  const [, status] = statusLine.exec(first) ?? [];
  const headers = parseHeaders(lines);
  if (found.kind === "bad" || status === undefined || headers === undefined) {
    throw new Error("Cannot read the answer: it is not HTTP/1.1");
  }
  stream.unread(found.bytes.subarray(found.end));
  return { status: Number(status), headers };
}

/** Reads until the empty line after a head. */
async function receiveHead(stream: ByteStream): Promise<
  | {
    readonly kind: "received";
    readonly bytes: Uint8Array;
    readonly end: number;
  }
  | Exclude<HeadResult, { readonly kind: "head" }>
> {
  let buffer = new Uint8Array(2048);
  let length = 0;
  let searched = 0;
  for (;;) {
    const bytes = buffer.subarray(0, length);
    const end = headEnd(bytes, searched);
    if (end !== undefined) return { kind: "received", bytes, end };
    if (length > maxHeadBytes) return { kind: "bad", status: 431 };
    searched = Math.max(0, length - 3);
    const chunk = await stream.read();
    if (chunk === undefined) return { kind: "ended" };
    if (length + chunk.length > buffer.length) {
      const larger = new Uint8Array(2 * (length + chunk.length));
      larger.set(bytes);
      buffer = larger;
    }
    buffer.set(chunk, length);
    length += chunk.length;
  }
}

/** The protocol a request wants to switch to, if it is one that kubelets speak. */
export function upgradeProtocol(
  headers: Headers,
): "spdy/3.1" | "websocket" | undefined {
  const protocol = headers.get("upgrade")?.toLowerCase();
  return protocol === "spdy/3.1" || protocol === "websocket"
    ? protocol
    : undefined;
}

/** A whole response with a line of text, after which the connection ends. */
export function textResponse(status: number, text: string): Uint8Array {
  const body = `${text}\n`;
  const head = [
    `HTTP/1.1 ${status} ${text}`,
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${body.length}`,
    "Connection: close",
  ];
  return new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n${body}`);
}

/** Where the empty line after a head ends; undefined while it has not come. */
function headEnd(bytes: Uint8Array, from: number): number | undefined {
  for (let i = bytes.indexOf(13, from); i >= 0; i = bytes.indexOf(13, i + 1)) {
    if (bytes[i + 1] === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10) {
      return i + 4;
    }
  }
  return undefined;
}

function parseHead(bytes: Uint8Array): RequestHead | undefined {
  const [first = "", ...lines] = headLines(bytes);
  const [, method, target, version] = requestLine.exec(first) ?? [];
  if (method === undefined || target === undefined) return undefined;
  const headers = parseHeaders(lines);
  if (headers === undefined) return undefined;
  return {
    method,
    target: target.replace(absoluteForm, ""),
    headers,
    version: version === "1.0" ? "1.0" : "1.1",
  };
}

/** The lines of a head, without the empty one at its end. */
function headLines(bytes: Uint8Array): readonly string[] {
  return latin1Text(bytes).slice(0, -"\r\n\r\n".length).split("\r\n");
}

function parseHeaders(lines: readonly string[]): Headers | undefined {
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon <= 0) return undefined;
    try {
      // It takes the white space around a value away; `trim()` would take more.
      headers.append(line.slice(0, colon), line.slice(colon + 1));
    } catch {
      return undefined; // not a header name or value
    }
  }
  return headers;
}

import { type ByteStream, prepend } from "./byte_stream.ts";

/** The first lines of an HTTP/1.1 request. */
export interface RequestHead {
  readonly method: string;
  /** As sent: a path with its query. */
  readonly target: string;
  readonly headers: Headers;
}

/** The outcome of {@linkcode readHead}. */
export type HeadResult =
  /** `stream` gives the whole request once more, head included; `body` only what follows it. */
  | {
    readonly kind: "head";
    readonly head: RequestHead;
    readonly stream: ByteStream;
    readonly body: ByteStream;
  }
  /** The client left before it had said anything whole. */
  | { readonly kind: "ended" }
  /** Not HTTP/1.1, or longer than 64 KiB: to be answered with `status`. */
  | { readonly kind: "bad"; readonly status: 400 | 431 };

const maxHeadBytes = 64 * 1024;
const requestLine = /^([A-Z]+) (\S+) HTTP\/1\.[01]$/;

/** Reads the head of the first request on `stream`. */
export async function readHead(stream: ByteStream): Promise<HeadResult> {
  let received: Uint8Array = new Uint8Array();
  let searched = 0;
  for (;;) {
    const end = headEnd(received, searched);
    if (end !== undefined) {
      const head = parseHead(received.subarray(0, end));
      if (head === undefined) return { kind: "bad", status: 400 };
      return {
        kind: "head",
        head,
        stream: prepend(stream, received),
        body: prepend(stream, received.subarray(end)),
      };
    }
    if (received.length > maxHeadBytes) return { kind: "bad", status: 431 };
    searched = Math.max(0, received.length - 3);
    const chunk = await stream.read();
    if (chunk === undefined) return { kind: "ended" };
    received = concat(received, chunk);
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
  const [first = "", ...lines] = new TextDecoder("latin1").decode(bytes)
    .trimEnd().split("\r\n");
  const [, method, target] = requestLine.exec(first) ?? [];
  if (method === undefined || target === undefined) return undefined;
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon <= 0) return undefined;
    try {
      headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
    } catch {
      return undefined; // not a header name or value
    }
  }
  return { method, target, headers };
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

import type { DuplexStream } from "../async/byte_stream.ts";
import { decodeFields, encodeFields, type Field } from "./hpack.ts";

/** What came of a call. */
export type GrpcAnswer =
  | { readonly kind: "message"; readonly message: Uint8Array }
  /** `code` is one of gRPC's, such as 12 for a method that is not there. */
  | { readonly kind: "error"; readonly code: number; readonly message: string };

/** One call with one message each way. */
export interface GrpcCall {
  /** Such as `/grpc.health.v1.Health/Check`. */
  readonly path: string;
  readonly authority: string;
  readonly userAgent: string;
  readonly timeoutMs: number;
  readonly message: Uint8Array;
}

/** Frames of HTTP/2 (RFC 9113, section 6). */
const frameType = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  continuation: 9,
} as const;
const flag = {
  end: 1,
  ack: 1,
  endHeaders: 4,
  padded: 8,
  priority: 32,
} as const;
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const headerTableSize = 1;
const callStream = 1;
const unavailable = 14;
const internal = 13;
/** A peer that sends more than this is up to no good. */
const maxBytes = 1 << 20;

/**
 * A connection to a gRPC server without TLS, for one call. The HTTP/2 of Deno 2.6 cannot speak over
 * a stream that is no socket, and a call takes little of it.
 */
export class GrpcConnection {
  readonly #stream: DuplexStream;
  readonly #frames: FrameStream;

  constructor(stream: DuplexStream) {
    this.#stream = stream;
    this.#frames = new FrameStream(stream);
  }

  /** Resolves once the server has shown that it speaks HTTP/2; rejects if it does not. */
  async connect(): Promise<void> {
    await this.#stream.write(new TextEncoder().encode(preface));
    // Without a table nothing that comes later depends on what came before.
    await this.#send(frameType.settings, 0, 0, [
      0,
      headerTableSize,
      0,
      0,
      0,
      0,
    ]);
    const first = await this.#frames.next();
    if (first?.type !== frameType.settings) {
      throw new Error("error reading server preface: it is not HTTP/2");
    }
    await this.#send(frameType.settings, flag.ack, 0, []);
  }

  /** Makes the call. Rejects when the connection ends before there is an answer. */
  async call(
    { path, authority, userAgent, timeoutMs, message }: GrpcCall,
  ): Promise<GrpcAnswer> {
    const fields = encodeFields([
      [":method", "POST"],
      [":scheme", "http"],
      [":path", path],
      [":authority", authority],
      ["content-type", "application/grpc"],
      ["user-agent", userAgent],
      ["te", "trailers"],
      ["grpc-timeout", `${timeoutMs}m`],
    ]);
    await this.#send(frameType.headers, flag.endHeaders, callStream, fields);
    const framed = Uint8Array.from([0, ...uint32(message.length), ...message]);
    await this.#send(frameType.data, flag.end, callStream, framed);
    return await this.#receive();
  }

  /** Drops it at once. Repeatable. */
  destroy(): void {
    this.#stream.destroy();
  }

  async #receive(): Promise<GrpcAnswer> {
    const fields: Field[] = [];
    let block: number[] = [];
    let data: number[] = [];
    let ends = false;
    for (;;) {
      const frame = await this.#frames.next();
      if (frame === undefined) {
        throw new Error("error reading from server: EOF");
      }
      const { type, flags, payload } = frame;
      if (type === frameType.settings && (flags & flag.ack) === 0) {
        await this.#send(frameType.settings, flag.ack, 0, []);
      } else if (type === frameType.ping && (flags & flag.ack) === 0) {
        await this.#send(frameType.ping, flag.ack, 0, payload);
      } else if (type === frameType.reset) {
        const code = new DataView(payload.buffer, payload.byteOffset)
          .getUint32(0);
        const message =
          `stream terminated by RST_STREAM with error code: ${code}`;
        return { kind: "error", code: internal, message };
      } else if (type === frameType.goAway) {
        const message = "the connection is draining";
        return { kind: "error", code: unavailable, message };
      } else if (type === frameType.data) {
        data = [...data, ...content(frame)];
        if ((flags & flag.end) !== 0) return answer(fields, data);
      } else if (
        type === frameType.headers || type === frameType.continuation
      ) {
        block = [...block, ...content(frame)];
        if (type === frameType.headers) ends = (flags & flag.end) !== 0;
        if ((flags & flag.endHeaders) === 0) continue;
        fields.push(...decodeFields(Uint8Array.from(block)));
        block = [];
        if (ends) return answer(fields, data);
      }
    }
  }

  async #send(
    type: number,
    flags: number,
    stream: number,
    payload: Iterable<number>,
  ): Promise<void> {
    const bytes = [...payload];
    const length = uint32(bytes.length).slice(1);
    await this.#stream.write(
      Uint8Array.from([...length, type, flags, ...uint32(stream), ...bytes]),
    );
  }
}

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

class FrameStream {
  readonly #stream: DuplexStream;
  #bytes = new Uint8Array();
  #total = 0;

  constructor(stream: DuplexStream) {
    this.#stream = stream;
  }

  /** Undefined at the end. */
  async next(): Promise<Frame | undefined> {
    if (!await this.#fill(9)) return undefined;
    const head = this.#bytes;
    const length = (head[0] ?? 0) << 16 | (head[1] ?? 0) << 8 | (head[2] ?? 0);
    if (!await this.#fill(9 + length)) return undefined;
    const frame = {
      type: this.#bytes[3] ?? 0,
      flags: this.#bytes[4] ?? 0,
      payload: this.#bytes.slice(9, 9 + length),
    };
    this.#bytes = this.#bytes.slice(9 + length);
    return frame;
  }

  async #fill(length: number): Promise<boolean> {
    while (this.#bytes.length < length) {
      const chunk = await this.#stream.read();
      if (chunk === undefined) return false;
      this.#total += chunk.length;
      if (this.#total > maxBytes) throw new Error("the answer is too long");
      const longer = new Uint8Array(this.#bytes.length + chunk.length);
      longer.set(this.#bytes);
      longer.set(chunk, this.#bytes.length);
      this.#bytes = longer;
    }
    return true;
  }
}

/** What a frame carries, without padding and priority. */
function content({ type, flags, payload }: Frame): Uint8Array {
  if (type === frameType.continuation) return payload;
  const isPadded = (flags & flag.padded) !== 0;
  const hasPriority = type === frameType.headers &&
    (flags & flag.priority) !== 0;
  const from = (isPadded ? 1 : 0) + (hasPriority ? 5 : 0);
  const padding = isPadded ? payload[0] ?? 0 : 0;
  return payload.subarray(from, Math.max(from, payload.length - padding));
}

function answer(
  fields: readonly Field[],
  data: readonly number[],
): GrpcAnswer {
  const valueOf = (name: string) =>
    fields.findLast(([known]) => known === name)?.[1];
  const code = valueOf("grpc-status");
  const http = valueOf(":status");
  if (code === undefined && http !== "200") {
    const message = `unexpected HTTP status code received from server: ${http}`;
    return { kind: "error", code: codeOfStatus(http), message };
  }
  if (code !== undefined && code !== "0") {
    const message = percentDecoded(valueOf("grpc-message") ?? "");
    return { kind: "error", code: Number(code), message };
  }
  if (data.length < 5) {
    return { kind: "error", code: internal, message: "the answer is empty" };
  }
  return { kind: "message", message: Uint8Array.from(data.slice(5)) };
}

/** As gRPC reads the status of a server that knows nothing of it. */
function codeOfStatus(status: string | undefined): number {
  switch (status) {
    case "400":
      return internal;
    case "401":
      return 16;
    case "403":
      return 7;
    case "404":
      return 12;
    case "429":
    case "502":
    case "503":
    case "504":
      return unavailable;
    default:
      return 2;
  }
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // not encoded after all
  }
}

function uint32(value: number): readonly number[] {
  return [value >>> 24, value >>> 16 & 255, value >>> 8 & 255, value & 255];
}

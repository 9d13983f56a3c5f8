import type { ByteStream } from "../../async/byte_stream.ts";
import type { WebSocketMessage } from "./websocket.ts";
import {
  applyMask,
  type FrameHead,
  headLength,
  maxHeadBytes,
  opcodes,
  parseFrameHead,
  type Violation,
} from "./websocket_frame.ts";

/** What comes next on a connection. */
export type Incoming =
  | WebSocketMessage
  | { readonly kind: "ping"; readonly payload: Uint8Array }
  | { readonly kind: "pong" }
  /** 1005 if the peer named no code. */
  | { readonly kind: "close"; readonly code: number }
  | Violation
  /** The peer is gone, be it in the middle of a frame. */
  | { readonly kind: "ended" };

/** A message of which more frames are to come. */
interface Unfinished {
  readonly kind: WebSocketMessage["kind"];
  buffer: Uint8Array;
  size: number;
}

/** Options of {@linkcode WebSocketReader}. */
export interface WebSocketReaderOptions {
  /** Whether every frame must be masked; none may be otherwise (RFC 6455, 5.1). */
  readonly masked: boolean;
  readonly maxMessageBytes: number;
}

const firstFragmentBytes = 4096;

/**
 * Puts messages together from the frames on a stream. It reads when it is asked, a chunk at a
 * time, and keeps no more than that and one message.
 */
export class WebSocketReader {
  readonly #stream: ByteStream;
  readonly #options: WebSocketReaderOptions;
  readonly #head = new Uint8Array(maxHeadBytes);
  #chunk: Uint8Array = new Uint8Array();
  #message: Unfinished | undefined;
  #lastReceivedAt = Date.now();
  #waiting = false;

  constructor(stream: ByteStream, options: WebSocketReaderOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  /** When bytes last came, in milliseconds. */
  get lastReceivedAt(): number {
    return this.#lastReceivedAt;
  }

  /** Whether it waits for bytes now; a peer is not silent while nobody listens. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** What comes next. Not to be asked again after a close, a violation or the end. */
  async next(): Promise<Incoming> {
    for (;;) {
      const head = await this.#nextHead();
      if (head.kind !== "frame") return head;
      const incoming = head.opcode >= opcodes.close
        ? await this.#control(head)
        : await this.#data(head);
      if (incoming !== undefined) return incoming;
    }
  }

  /** Reads and forgets, until the stream ends. */
  async discard(): Promise<void> {
    while (await this.#receive()) this.#chunk = new Uint8Array();
  }

  async #nextHead(): Promise<FrameHead | Violation | { kind: "ended" }> {
    if (!await this.#fill(this.#head.subarray(0, 2))) return { kind: "ended" };
    const bytes = this.#head.subarray(0, headLength(this.#head));
    if (bytes.length > 2 && !await this.#fill(bytes.subarray(2))) {
      return { kind: "ended" };
    }
    const head = parseFrameHead(bytes);
    if (head.kind !== "frame") return head;
    if ((head.mask !== undefined) === this.#options.masked) return head;
    return violation(head.mask ? "a frame is masked" : "a frame is not masked");
  }

  async #control(head: FrameHead): Promise<Incoming> {
    const payload = new Uint8Array(head.length);
    if (!await this.#payload(payload, head)) return { kind: "ended" };
    if (head.opcode === opcodes.ping) return { kind: "ping", payload };
    if (head.opcode === opcodes.pong) return { kind: "pong" };
    return closing(payload);
  }

  /** Undefined for a frame with which no message ends. */
  async #data(head: FrameHead): Promise<Incoming | undefined> {
    const message = this.#message;
    const { final, length, opcode } = head;
    const { maxMessageBytes } = this.#options;
    if ((opcode === opcodes.continuation) !== (message !== undefined)) {
      return violation("a frame is out of its message");
    }
    if (length + (message?.size ?? 0) > maxMessageBytes) {
      const reason = `a message has more than ${maxMessageBytes} bytes`;
      return { kind: "violation", code: 1009, reason };
    }
    if (message === undefined && final) {
      const data = new Uint8Array(length);
      if (!await this.#payload(data, head)) return { kind: "ended" };
      return { kind: opcode === opcodes.text ? "text" : "binary", data };
    }
    const unfinished = message ?? {
      kind: opcode === opcodes.text ? "text" : "binary",
      buffer: new Uint8Array(Math.max(length, firstFragmentBytes)),
      size: 0,
    };
    this.#message = unfinished;
    const place = this.#extend(unfinished, length);
    if (!await this.#payload(place, head)) return { kind: "ended" };
    if (!final) return undefined;
    this.#message = undefined;
    const { kind, buffer, size } = unfinished;
    return { kind, data: buffer.subarray(0, size) };
  }

  /** Makes room for `length` bytes more. Doubling bounds what a million tiny frames can cost. */
  #extend(message: Unfinished, length: number): Uint8Array {
    const start = message.size;
    message.size += length;
    if (message.size > message.buffer.length) {
      const bytes = Math.max(message.size, message.buffer.length * 2);
      const larger = new Uint8Array(bytes);
      larger.set(message.buffer.subarray(0, start));
      message.buffer = larger;
    }
    return message.buffer.subarray(start, message.size);
  }

  async #payload(target: Uint8Array, { mask }: FrameHead): Promise<boolean> {
    if (target.length > 0 && !await this.#fill(target)) return false;
    if (mask !== undefined) applyMask(target, mask);
    return true;
  }

  /** Copies what comes next; false if the stream ends before `target` is full. */
  async #fill(target: Uint8Array): Promise<boolean> {
    let filled = this.#take(target, 0);
    while (filled < target.length) {
      if (!await this.#receive()) return false;
      filled = this.#take(target, filled);
    }
    return true;
  }

  #take(target: Uint8Array, filled: number): number {
    const taken = this.#chunk.subarray(0, target.length - filled);
    target.set(taken, filled);
    this.#chunk = this.#chunk.subarray(taken.length);
    return filled + taken.length;
  }

  async #receive(): Promise<boolean> {
    this.#waiting = true;
    const chunk = await this.#stream.read();
    this.#waiting = false;
    if (chunk === undefined) return false;
    this.#lastReceivedAt = Date.now();
    this.#chunk = chunk;
    return true;
  }
}

/** RFC 6455, 7.4: the codes that may be sent. */
function closing(payload: Uint8Array): Incoming {
  if (payload.length === 0) return { kind: "close", code: 1005 };
  if (payload.length === 1) return violation("a close frame has half a code");
  const code = new DataView(payload.buffer).getUint16(0);
  const valid = code >= 3000 ? code < 5000 : code >= 1000 && code <= 1014 &&
    code !== 1004 && code !== 1005 && code !== 1006;
  return valid
    ? { kind: "close", code }
    : violation(`close code ${code} is reserved`);
}

function violation(reason: string): Violation {
  return { kind: "violation", code: 1002, reason };
}

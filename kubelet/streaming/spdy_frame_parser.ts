import {
  controlStart,
  controlTypes,
  type DataHead,
  flagBits,
  frameHeadBytes,
  type SpdyFrame,
} from "./spdy_frame.ts";

/** What one control frame may have; data frames may have all that fits into their length. */
const maxControlBytes = 64 * 1024;

interface ControlHead {
  readonly type: number;
  readonly flags: number;
  /** What is there of a body that comes in several chunks. */
  readonly body: Uint8Array;
}

type Inside =
  | { readonly kind: "head" }
  | { readonly kind: "data"; readonly head: DataHead }
  | { readonly kind: "control"; readonly head: ControlHead };

/** Cuts a byte stream into frames; holds no more than one control frame. */
export class SpdyFrameParser {
  readonly #head = new Uint8Array(frameHeadBytes);
  readonly #headView = new DataView(this.#head.buffer);
  #inside: Inside = { kind: "head" };
  /** What is missing of the head or the body. */
  #missing = frameHeadBytes;
  #chunk: Uint8Array = new Uint8Array(0);

  /** Takes the next bytes, which must stay as they are until `next` has no more frames. */
  feed(chunk: Uint8Array): void {
    this.#chunk = chunk;
  }

  /** Whether the bytes so far end within a frame. */
  get insideFrame(): boolean {
    return this.#inside.kind !== "head" || this.#missing < frameHeadBytes;
  }

  /** The next frame of what was fed; undefined: more bytes are needed. Throws at a broken one. */
  next(): SpdyFrame | undefined {
    if (this.#inside.kind === "head" && !this.#readHead()) return undefined;
    const inside = this.#inside;
    switch (inside.kind) {
      case "head":
        return undefined;
      case "data":
        return this.#data(inside.head);
      case "control":
        return this.#control(inside.head);
    }
  }

  #readHead(): boolean {
    const part = this.#take();
    this.#head.set(part, frameHeadBytes - this.#missing);
    this.#missing -= part.length;
    if (this.#missing > 0) return false;
    const lengthAndFlags = this.#headView.getUint32(4);
    this.#missing = lengthAndFlags & 0xffffff;
    this.#inside = this.#parseHead(lengthAndFlags >>> 24);
    return true;
  }

  #parseHead(flags: number): Inside {
    const first = this.#headView.getUint16(0);
    if (first < 0x8000) {
      const streamId = this.#headView.getUint32(0);
      if (streamId === 0) throw new Error("Cannot read SPDY: data of stream 0");
      return { kind: "data", head: { streamId, fin: isFin(flags) } };
    }
    if (first !== controlStart) {
      const version = first & 0x7fff;
      throw new Error(`Cannot read SPDY: a frame has version ${version}`);
    }
    if (this.#missing > maxControlBytes) {
      throw new Error(
        `Cannot read SPDY: a control frame has ${this.#missing} bytes, ` +
          `more than ${maxControlBytes}`,
      );
    }
    const type = this.#headView.getUint16(2);
    const whole = this.#missing <= this.#chunk.length;
    const body = new Uint8Array(whole ? 0 : this.#missing);
    return { kind: "control", head: { type, flags, body } };
  }

  #data({ streamId, fin }: DataHead): SpdyFrame | undefined {
    if (this.#missing > 0 && this.#chunk.length === 0) return undefined;
    const bytes = this.#take();
    this.#missing -= bytes.length;
    const last = this.#missing === 0;
    if (last) this.#expectHead();
    return { kind: "data", streamId, bytes, fin: fin && last };
  }

  #control({ type, flags, body }: ControlHead): SpdyFrame | undefined {
    const part = this.#take();
    if (body.length > 0) body.set(part, body.length - this.#missing);
    this.#missing -= part.length;
    if (this.#missing > 0) return undefined;
    this.#expectHead();
    return parseControl(type, flags, body.length > 0 ? body : part);
  }

  #expectHead(): void {
    this.#inside = { kind: "head" };
    this.#missing = frameHeadBytes;
  }

  /** What there is, at most what is missing. */
  #take(): Uint8Array {
    const part = this.#chunk.subarray(0, this.#missing);
    this.#chunk = this.#chunk.subarray(part.length);
    return part;
  }
}

function parseControl(
  type: number,
  flags: number,
  body: Uint8Array,
): SpdyFrame {
  const fin = isFin(flags);
  switch (type) {
    case controlTypes.synStream: {
      const unidirectional = (flags & flagBits.unidirectional) !== 0;
      const streamId = streamIdOf(body, 10);
      const block = body.subarray(10);
      return { kind: "syn stream", streamId, block, fin, unidirectional };
    }
    case controlTypes.synReply:
    case controlTypes.headers: {
      const kind = type === controlTypes.synReply ? "syn reply" : "headers";
      const streamId = streamIdOf(body, 4);
      return { kind, streamId, block: body.subarray(4), fin };
    }
    case controlTypes.reset:
      return { kind: "reset", streamId: streamIdOf(body, 8) };
    case controlTypes.ping:
      return { kind: "ping", id: numberOf(body, 4) };
    case controlTypes.goAway:
      return { kind: "go away" };
    default:
      return { kind: "other" };
  }
}

function streamIdOf(body: Uint8Array, minBytes: number): number {
  const streamId = numberOf(body, minBytes) & 0x7fffffff;
  if (streamId === 0) throw new Error("Cannot read SPDY: a frame of stream 0");
  return streamId;
}

/** The number that `body` starts with. */
function numberOf(body: Uint8Array, minBytes: number): number {
  if (body.length < minBytes) {
    throw new Error("Cannot read SPDY: a control frame is cut off");
  }
  return new DataView(body.buffer, body.byteOffset).getUint32(0);
}

function isFin(flags: number): boolean {
  return (flags & flagBits.fin) !== 0;
}

import { getLogger } from "../../async/log.ts";
import type { ByteStream } from "../../async/byte_stream.ts";
import {
  applyMask,
  maxHeadBytes,
  type Opcode,
  opcodes,
  writeFrameHead,
} from "./websocket_frame.ts";

/** A multiple of four, so that every piece begins with the mask's first byte. */
const pieceBytes = 64 * 1024;
/** Where payloads begin in the buffer: a word's boundary, for masking. */
const payloadStart = (maxHeadBytes + 3) & ~3;
const firstBufferBytes = 1024;

const log = getLogger("kubelet");

/**
 * Writes frames, one at a time: a small one in one write, a large one without copying most of it.
 *
 * Control frames go between messages; at most one of each kind is due at a time, so that a peer
 * that asks for many and takes none costs nothing.
 */
export class WebSocketWriter {
  readonly #stream: ByteStream;
  readonly #masked: boolean;
  #buffer = new Uint8Array(payloadStart + firstBufferBytes);
  #written: Promise<void> = Promise.resolve();
  #lastWriteAt = Date.now();
  #pong: Uint8Array | undefined;
  #ping = false;
  #close: Uint8Array | undefined;
  #closed = false;
  #controlsQueued = false;
  #broken = false;

  constructor(stream: ByteStream, { masked }: { readonly masked: boolean }) {
    this.#stream = stream;
    this.#masked = masked;
  }

  /** When bytes were last written, in milliseconds. */
  get lastWriteAt(): number {
    return this.#lastWriteAt;
  }

  /** Whether the stream has refused bytes: the peer is gone. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Resolves when all that was asked for before has been written, or cannot be. */
  get written(): Promise<void> {
    return this.#written;
  }

  /** Resolves when the stream took the message; rejects after {@linkcode close}, or if it is gone. */
  async message(opcode: Opcode, payload: Uint8Array): Promise<void> {
    if (this.#closed) {
      throw new Error("Cannot send a message: the WebSocket is closed");
    }
    await this.#queue(() => this.#write(opcode, payload));
  }

  ping(): void {
    this.#ping = true;
    this.#queueControls();
  }

  /** An answer to the latest of several pings is enough (RFC 6455, 5.5.3). */
  pong(payload: Uint8Array): void {
    this.#pong = payload;
    this.#queueControls();
  }

  /** Sends a close frame, once, and nothing after it. 1005 stands for no code. */
  close(code: number): void {
    if (this.#closed) return;
    this.#closed = true;
    const bytes = code === 1005 ? [] : [code >> 8, code & 0xff];
    this.#close = new Uint8Array(bytes);
    this.#queueControls();
  }

  /** Sends nothing any more. */
  stop(): void {
    this.#closed = true;
  }

  #queueControls(): void {
    if (this.#controlsQueued) return;
    this.#controlsQueued = true;
    this.#queue(() => this.#writeControls()).catch((error) =>
      // Whoever reads learns that the peer is gone.
      log.debug("Cannot send a WebSocket control frame", { error })
    );
  }

  async #writeControls(): Promise<void> {
    try {
      for (;;) {
        const frame = this.#nextControl();
        if (frame === undefined) return;
        await this.#write(frame.opcode, frame.payload);
      }
    } finally {
      this.#controlsQueued = false;
    }
  }

  #nextControl() {
    const pong = this.#pong;
    this.#pong = undefined;
    if (pong !== undefined && !this.#closed) {
      return { opcode: opcodes.pong, payload: pong };
    }
    const ping = this.#ping;
    this.#ping = false;
    if (ping && !this.#closed) {
      return { opcode: opcodes.ping, payload: new Uint8Array() };
    }
    const close = this.#close;
    this.#close = undefined;
    return close && { opcode: opcodes.close, payload: close };
  }

  /** Runs `write` after those before it, whether they failed or not. */
  #queue(write: () => Promise<void>): Promise<void> {
    const done = this.#written.then(write);
    this.#written = done.catch(() => undefined); // its caller hears of it
    return done;
  }

  async #write(opcode: Opcode, payload: Uint8Array): Promise<void> {
    const mask = this.#masked
      ? crypto.getRandomValues(new Uint8Array(4))
      : undefined;
    const first = this.#copy(payload.subarray(0, pieceBytes), mask);
    const head = { opcode, length: payload.length, mask };
    const start = writeFrameHead(this.#buffer, payloadStart, head);
    await this.#send(this.#buffer.subarray(start, first));
    if (payload.length <= pieceBytes) return;
    if (mask === undefined) {
      return await this.#send(payload.subarray(pieceBytes));
    }
    for (let sent = pieceBytes; sent < payload.length; sent += pieceBytes) {
      const end = this.#copy(payload.subarray(sent, sent + pieceBytes), mask);
      await this.#send(this.#buffer.subarray(payloadStart, end));
    }
  }

  async #send(bytes: Uint8Array): Promise<void> {
    try {
      await this.#stream.write(bytes);
    } catch (error) {
      this.#broken = true;
      throw error;
    }
    this.#lastWriteAt = Date.now();
  }

  /** Copies a piece into the buffer, masked; returns where it ends there. */
  #copy(piece: Uint8Array, mask: Uint8Array | undefined): number {
    const end = payloadStart + piece.length;
    if (this.#buffer.length < end) {
      const larger = Math.max(piece.length, this.#buffer.length * 2);
      const bytes = payloadStart + Math.min(larger, pieceBytes);
      this.#buffer = new Uint8Array(bytes);
    }
    const copy = this.#buffer.subarray(payloadStart, end);
    copy.set(piece);
    if (mask !== undefined) applyMask(copy, mask);
    return end;
  }
}

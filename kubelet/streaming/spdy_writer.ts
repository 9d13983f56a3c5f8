import type { ByteStream } from "../../async/byte_stream.ts";
import { frameHeadBytes, putDataHead } from "./spdy_frame.ts";
import { Wakeup } from "./wakeup.ts";

/** What goes to the connection at once, and so the most that a PING waits for. */
const batchBytes = 64 * 1024;

/** A data frame is not cut to fit into what is left of a batch, if that is less. */
const minPieceBytes = 4 * 1024;

/** Control frames waiting to be sent, above which no more should be caused. */
const controlHighWaterBytes = 64 * 1024;

interface Write {
  readonly streamId: number;
  readonly bytes: Uint8Array;
  readonly fin: boolean;
  readonly done: PromiseWithResolvers<void>;
  sentBytes: number;
}

interface ControlFrame {
  readonly frame: Uint8Array;
  readonly sent: (() => void) | undefined;
}

/**
 * Sends the frames of a session, one batch at a time: control frames first, then the streams in
 * turns, so that none waits for another's large write.
 */
export class SpdyWriter {
  readonly #stream: ByteStream;
  readonly #gone: () => void;
  readonly #control: ControlFrame[] = [];
  #controlBytes = 0;
  /** By stream; the first one is next. */
  readonly #writes = new Map<number, Write[]>();
  #buffer: Uint8Array | undefined;
  #pumping = false;
  /** Why no more data is taken. */
  #sealed: Error | undefined;
  #stopped = false;
  readonly #sent = new Wakeup();
  #lastWriteAt = 0;

  /** @param gone Called when the connection takes no more bytes. */
  constructor(stream: ByteStream, gone: () => void) {
    this.#stream = stream;
    this.#gone = gone;
  }

  /** When the connection took bytes last; ms. */
  get lastWriteAt(): number {
    return this.#lastWriteAt;
  }

  /** Queues a control frame; `sent` is called when the connection took it, or is gone. */
  control(frame: Uint8Array, sent?: () => void): void {
    if (this.#stopped) return sent?.();
    this.#control.push({ frame, sent });
    this.#controlBytes += frame.length;
    this.#start();
  }

  /** Resolves when the connection took `bytes`; rejects when it or the stream is gone. */
  data(streamId: number, bytes: Uint8Array, fin: boolean): Promise<void> {
    if (this.#sealed) return Promise.reject(this.#sealed);
    const done = Promise.withResolvers<void>();
    const write = { streamId, bytes, fin, done, sentBytes: 0 };
    const waiting = this.#writes.get(streamId);
    if (waiting) waiting.push(write);
    else this.#writes.set(streamId, [write]);
    this.#start();
    return done.promise;
  }

  /** Gives up what a stream still had to send. */
  drop(streamId: number, reason: Error): void {
    const waiting = this.#writes.get(streamId) ?? [];
    this.#writes.delete(streamId);
    for (const { done } of waiting) done.reject(reason);
  }

  /** Whether so many control frames wait that their cause should slow down. */
  get controlFull(): boolean {
    return this.#controlBytes > controlHighWaterBytes;
  }

  /** Resolves when something more was sent, or nothing will be any more. */
  progress(): Promise<void> {
    return this.#pumping ? this.#sent.wait() : Promise.resolve();
  }

  /** Sends what is queued, takes no more data, and resolves when all is sent or the connection gone. */
  async flush(reason: Error): Promise<void> {
    this.#sealed ??= reason;
    while (this.#pumping && !this.#stopped) await this.progress();
  }

  /** Sends nothing more; what waits is rejected. */
  stop(reason: Error): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#sealed ??= reason;
    for (const streamId of [...this.#writes.keys()]) {
      this.drop(streamId, reason);
    }
    for (const { sent } of this.#control.splice(0)) sent?.();
    this.#controlBytes = 0;
    this.#sent.wake();
  }

  #start(): void {
    if (!this.#pumping) this.#pump();
  }

  /** Never rejects: whoever waits for a write gets its error. */
  async #pump(): Promise<void> {
    this.#pumping = true;
    // What is queued in one go is sent in one go.
    await undefined;
    while (this.#control.length + this.#writes.size > 0) {
      await this.#sendBatch();
      this.#sent.wake();
    }
    this.#pumping = false;
    this.#sent.wake();
  }

  async #sendBatch(): Promise<void> {
    const buffer = this.#buffer ??= new Uint8Array(batchBytes);
    const sent: ControlFrame[] = [];
    const done: Write[] = [];
    const controlled = this.#putControl(buffer, sent);
    const filled = this.#putData(buffer, controlled, done);
    try {
      await this.#stream.write(buffer.subarray(0, filled));
      this.#lastWriteAt = Date.now();
      for (const write of done) write.done.resolve();
    } catch (cause) {
      const error = new Error("Cannot write SPDY: the connection is gone", {
        cause,
      });
      for (const write of done) write.done.reject(error);
      this.stop(error);
      this.#gone();
    }
    for (const frame of sent) frame.sent?.();
  }

  /** Puts control frames at the start of `buffer`; how many bytes they are. */
  #putControl(buffer: Uint8Array, sent: ControlFrame[]): number {
    let at = 0;
    for (const control of this.#control) {
      if (control.frame.length > buffer.length - at) break;
      buffer.set(control.frame, at);
      at += control.frame.length;
      sent.push(control);
    }
    this.#control.splice(0, sent.length);
    this.#controlBytes -= at;
    return at;
  }

  /** Fills `buffer` from `start` with data frames, one a stream; how far it is filled then. */
  #putData(buffer: Uint8Array, start: number, done: Write[]): number {
    const view = new DataView(buffer.buffer);
    let at = start;
    for (const [streamId, [write]] of this.#writes) {
      if (write === undefined) break;
      const left = write.bytes.length - write.sentBytes;
      const room = buffer.length - at - frameHeadBytes;
      if (room < Math.min(left, minPieceBytes)) break;
      const length = Math.min(left, room);
      const end = write.sentBytes + length;
      const fin = write.fin && length === left;
      putDataHead(view, at, { streamId, length, fin });
      buffer.set(
        write.bytes.subarray(write.sentBytes, end),
        at + frameHeadBytes,
      );
      at += frameHeadBytes + length;
      write.sentBytes = end;
      if (length === left) done.push(write);
      this.#takeTurn(streamId, length === left);
    }
    return at;
  }

  /** Lets the other streams go first. */
  #takeTurn(streamId: number, writeDone: boolean): void {
    const waiting = this.#writes.get(streamId) ?? [];
    if (writeDone) waiting.shift();
    this.#writes.delete(streamId);
    if (waiting.length > 0) this.#writes.set(streamId, waiting);
  }
}

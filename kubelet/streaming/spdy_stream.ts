import { resetFrame, resetStatus } from "./spdy_frame.ts";
import type { SpdyStream } from "./spdy_session.ts";
import type { SpdyWriter } from "./spdy_writer.ts";
import { Wakeup } from "./wakeup.ts";

/** Bytes that a stream holds for its reader, above which the whole connection waits for it. */
const queueBytes = 256 * 1024;

/** What a queued piece costs besides its bytes, so that many small ones count as well. */
const pieceOverheadBytes = 256;

/** What a stream needs of its session. */
export interface StreamOwner {
  readonly writer: SpdyWriter;
  /** The bytes that streams hold have become more, or, by a negative number, less. */
  queueChanged(bytes: number): void;
  /** Both sides are at their end. */
  streamClosed(stream: OwnedStream): void;
}

/** The session's side of a stream. */
export class OwnedStream implements SpdyStream {
  readonly id: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly #owner: StreamOwner;
  readonly #queue: Uint8Array[] = [];
  readonly #changed = new Wakeup();
  #queuedBytes = 0;
  #readEnded = false;
  #writeEnded = false;
  #closed = false;
  /** Why nothing can be written any more. */
  #failure: Error | undefined;
  #ending: Promise<void> | undefined;

  constructor(
    id: number,
    headers: ReadonlyMap<string, string>,
    owner: StreamOwner,
  ) {
    this.id = id;
    this.headers = headers;
    this.#owner = owner;
  }

  /** Whether the reader should take something before more comes in. */
  get full(): boolean {
    return !this.#closed && this.#queuedBytes > queueBytes;
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const bytes = this.#queue.shift();
      if (bytes !== undefined) {
        this.#account(-bytes.length - pieceOverheadBytes);
        return bytes;
      }
      if (this.#readEnded) return undefined;
      await this.#changed.wait();
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#ending || this.#writeEnded) {
      return Promise.reject(this.#error("our side has ended"));
    }
    if (bytes.length === 0) return Promise.resolve();
    return this.#owner.writer.data(this.id, bytes, false);
  }

  end(): Promise<void> {
    return this.#ending ??= this.#end();
  }

  reset(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.abort(resetStatus.cancel, resolve);
    return promise;
  }

  /** As `reset`; `status` is one of {@linkcode resetStatus}. */
  abort(status: number, sent?: () => void): void {
    if (this.#closed) {
      this.#dropQueue();
      return sent?.();
    }
    this.#fail(this.#error("it was reset"));
    this.#owner.writer.control(resetFrame(this.id, status), sent);
  }

  /** Takes bytes of the peer, which are copied. What comes after the end is dropped. */
  receive(bytes: Uint8Array): void {
    if (this.#readEnded || bytes.length === 0) return;
    this.#queue.push(bytes.slice());
    this.#account(bytes.length + pieceOverheadBytes);
    this.#changed.wake();
  }

  /** The peer has ended its side. */
  receiveEnd(): void {
    this.#readEnded = true;
    this.#changed.wake();
    this.#closeIfEnded();
  }

  /** The peer gave up the stream. */
  receiveReset(): void {
    this.#fail(this.#error("the peer reset it"));
  }

  /** The peer has no side to read. */
  endUnidirectional(): void {
    this.#writeEnded = true;
    this.#closeIfEnded();
  }

  /** The session is gone; what came in before can still be read. */
  abandon(reason: Error): void {
    this.#failure ??= reason;
    this.#readEnded = true;
    this.#writeEnded = true;
    this.#changed.wake();
    this.#closeIfEnded();
  }

  async #end(): Promise<void> {
    if (this.#writeEnded) return;
    const { writer } = this.#owner;
    // What is gone is at its end.
    await writer.data(this.id, new Uint8Array(0), true).catch(() => undefined);
    this.#writeEnded = true;
    this.#closeIfEnded();
  }

  #fail(error: Error): void {
    this.#dropQueue();
    this.#owner.writer.drop(this.id, error);
    this.abandon(error);
  }

  #closeIfEnded(): void {
    if (this.#closed || !this.#readEnded || !this.#writeEnded) return;
    // What the reader has not taken yet is its own from here on.
    this.#owner.queueChanged(-this.#queuedBytes);
    this.#closed = true;
    this.#owner.streamClosed(this);
  }

  #dropQueue(): void {
    this.#queue.length = 0;
    this.#account(-this.#queuedBytes);
  }

  #account(bytes: number): void {
    this.#queuedBytes += bytes;
    if (!this.#closed) this.#owner.queueChanged(bytes);
  }

  #error(why: string): Error {
    return new Error(`Cannot write to stream ${this.id}: ${why}`);
  }
}

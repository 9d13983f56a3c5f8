import type { GuestInput } from "../descriptors.ts";
import { failWith, GuestError } from "./guest_error.ts";
import { Pollable } from "./pollable.ts";

/** The resource `wasi:io/error.error`. */
export class IoError {
  readonly #message: string;
  /** What went wrong, for interfaces that can tell more of it. */
  readonly cause: unknown;

  constructor(message: string, cause?: unknown) {
    this.#message = message;
    this.cause = cause;
  }

  toDebugString(): string {
    return this.#message;
  }
}

/** The resource `wasi:io/streams.input-stream`. */
export class InputStream implements Disposable {
  readonly #input: GuestInput;
  readonly #close: () => void;

  /** @param close Called when the guest drops it. */
  constructor(input: GuestInput, close: () => void = () => {}) {
    this.#input = input;
    this.#close = close;
  }

  read(length: bigint): Uint8Array {
    if (length === 0n || !this.#input.ready) return new Uint8Array(0);
    const most = Math.min(Number(length), maxReadBytes);
    const bytes = withStreamError(() => this.#input.take(most));
    return bytes.length === 0 ? failWith({ tag: "closed" }) : bytes;
  }

  blockingRead(
    length: bigint,
  ): Uint8Array | Promise<Uint8Array> {
    if (length === 0n || this.#input.ready) return this.read(length);
    return this.#input.untilReady().then(() => this.read(length));
  }

  skip(length: bigint): bigint {
    return BigInt(this.read(length).length);
  }

  async blockingSkip(length: bigint): Promise<bigint> {
    return BigInt((await this.blockingRead(length)).length);
  }

  subscribe(): Pollable {
    const input = this.#input;
    return new Pollable(() => input.ready, () => input.untilReady());
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}

/** Where the bytes of an output stream go. */
export interface GuestSink {
  /** Takes all of them, for which it has room, as its own; throws when it can take no more for good. */
  write(bytes: Uint8Array<ArrayBuffer>): void;
  /** How many bytes it takes now; throws as `write` does. */
  readonly room: number;
  /** Whether it need not be waited for: it has room, or an error to tell. */
  readonly ready: boolean;
  /** Resolves when it may be ready, perhaps before. */
  untilRoom(): Promise<void>;
  /**
   * Resolves when all bytes have gone where they belong; rejects when they cannot. Undefined where
   * they already have.
   */
  flush(): Promise<void> | undefined;
}

/** A sink that writes before it returns. */
export function promptSink(write: (bytes: Uint8Array) => void): GuestSink {
  return {
    write,
    room: maxWriteBytes,
    ready: true,
    untilRoom: () => Promise.resolve(),
    flush: () => undefined,
  };
}

/** The resource `wasi:io/streams.output-stream`. */
export class OutputStream implements Disposable {
  readonly #sink: GuestSink;
  readonly #close: () => void;

  constructor(sink: GuestSink, close: () => void = () => {}) {
    this.#sink = sink;
    this.#close = close;
  }

  checkWrite(): bigint {
    return BigInt(withStreamError(() => this.#sink.room));
  }

  /** Traps for more than `check-write` allows, as specified: it would pile up outside the guest. */
  write(bytes: Uint8Array<ArrayBuffer>): void {
    if (bytes.length > this.checkWrite()) {
      throw new RangeError("a guest wrote more than its stream has room for");
    }
    withStreamError(() => this.#sink.write(bytes));
  }

  blockingWriteAndFlush(
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<void> | undefined {
    if (bytes.length > this.checkWrite()) return this.#writeInParts(bytes);
    this.write(bytes);
    return this.blockingFlush();
  }

  flush(): void {}

  /** Nothing to wait for does not suspend the guest, which takes its time. */
  blockingFlush(): Promise<void> | undefined {
    return withStreamError(() => this.#sink.flush())
      ?.catch((error) => Promise.reject(streamError(error)));
  }

  writeZeroes(length: bigint): void {
    this.write(zeroes(length));
  }

  blockingWriteZeroesAndFlush(length: bigint): Promise<void> | undefined {
    return this.blockingWriteAndFlush(zeroes(length));
  }

  splice(source: InputStream, length: bigint): bigint {
    const room = this.checkWrite();
    const bytes = source.read(length < room ? length : room);
    this.write(bytes.slice());
    return BigInt(bytes.length);
  }

  async blockingSplice(source: InputStream, length: bigint): Promise<bigint> {
    while (this.checkWrite() === 0n) await this.#sink.untilRoom();
    const room = this.checkWrite();
    const bytes = await source.blockingRead(length < room ? length : room);
    this.write(bytes.slice());
    return BigInt(bytes.length);
  }

  subscribe(): Pollable {
    const sink = this.#sink;
    return new Pollable(() => sink.ready, () => sink.untilRoom());
  }

  [Symbol.dispose](): void {
    this.#close();
  }

  async #writeInParts(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.slice(at, at + Number(this.checkWrite()));
      this.write(part);
      at += part.length;
      if (part.length === 0) await this.#sink.untilRoom();
    }
    await this.blockingFlush();
  }
}

function zeroes(length: bigint): Uint8Array<ArrayBuffer> {
  if (length > BigInt(maxWriteBytes)) {
    throw new RangeError("a guest wrote more zeroes than any stream takes");
  }
  return new Uint8Array(Number(length));
}

/** Turns what goes wrong with bytes into the `stream-error` of the guest. */
function withStreamError<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw streamError(error);
  }
}

function streamError(error: unknown): GuestError {
  if (error instanceof GuestError) return error;
  const message = error instanceof Error ? error.message : "stream failed";
  return new GuestError({
    tag: "last-operation-failed",
    val: new IoError(message, error),
  });
}

/** A guest must not make its host hold more than this at once. */
const maxReadBytes = 1024 * 1024;
const maxWriteBytes = 1024 * 1024;

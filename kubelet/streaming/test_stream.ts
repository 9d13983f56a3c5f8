import type { ByteStream } from "../../async/byte_stream.ts";

/** How a {@linkcode streamPair} carries bytes. */
export interface StreamPairOptions {
  /** How many bytes are in flight per direction before a write waits; 64 KiB. */
  readonly capacityBytes?: number;
  /** The most that one read gives; as much as there is. */
  readonly maxReadBytes?: number;
}

/**
 * For tests: the two ends of a connection in memory, bounded like a real one. What a read gives
 * is overwritten by the next read, so that who keeps it without a copy is found out.
 */
export function streamPair(
  options: StreamPairOptions = {},
): readonly [ByteStream, ByteStream] {
  const there = new Pipe(options);
  const back = new Pipe(options);
  return [end(there, back), end(back, there)];
}

function end(outgoing: Pipe, incoming: Pipe): ByteStream {
  return {
    read: () => incoming.read(),
    write: (bytes) => outgoing.write(bytes),
    close() {
      outgoing.end();
      incoming.destroy();
      return Promise.resolve();
    },
    destroy() {
      outgoing.destroy();
      incoming.destroy();
    },
  };
}

/** One direction: a ring of bytes with at most one reader and one writer waiting. */
class Pipe {
  readonly #ring: Uint8Array;
  readonly #given: Uint8Array;
  #start = 0;
  #size = 0;
  #ended = false;
  #destroyed = false;
  #reading = false;
  #writing = false;
  #changed: PromiseWithResolvers<void> | undefined;

  constructor(
    { capacityBytes = 64 * 1024, maxReadBytes = capacityBytes }:
      StreamPairOptions,
  ) {
    this.#ring = new Uint8Array(capacityBytes);
    this.#given = new Uint8Array(Math.min(capacityBytes, maxReadBytes));
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#reading) throw new Error("Cannot read: a read is pending");
    this.#reading = true;
    try {
      while (this.#size === 0 && !this.#ended) await this.#change();
      return this.#size === 0 ? undefined : this.#take();
    } finally {
      this.#reading = false;
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#writing) throw new Error("Cannot write: a write is pending");
    this.#writing = true;
    try {
      for (let written = 0; written < bytes.length;) {
        while (this.#size === this.#ring.length && !this.#ended) {
          await this.#change();
        }
        if (this.#ended) break;
        written += this.#put(bytes.subarray(written));
      }
      if (this.#destroyed) throw new Error("Cannot write: the peer left");
      if (this.#ended) throw new Error("Cannot write: the stream is closed");
    } finally {
      this.#writing = false;
    }
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  destroy(): void {
    this.#destroyed = true;
    this.#size = 0;
    this.end();
  }

  #take(): Uint8Array {
    const count = Math.min(
      this.#size,
      this.#given.length,
      this.#ring.length - this.#start,
    );
    const given = this.#given.subarray(0, count);
    given.set(this.#ring.subarray(this.#start, this.#start + count));
    this.#start = (this.#start + count) % this.#ring.length;
    this.#size -= count;
    this.#wake();
    return given;
  }

  #put(bytes: Uint8Array): number {
    const at = (this.#start + this.#size) % this.#ring.length;
    const room = at < this.#start ? this.#start - at : this.#ring.length - at;
    const count = Math.min(
      room,
      bytes.length,
      this.#ring.length - this.#size,
    );
    this.#ring.set(bytes.subarray(0, count), at);
    this.#size += count;
    this.#wake();
    return count;
  }

  #change(): Promise<void> {
    this.#changed ??= Promise.withResolvers();
    return this.#changed.promise;
  }

  #wake(): void {
    this.#changed?.resolve();
    this.#changed = undefined;
  }
}

import { Buffer } from "node:buffer";
import type { Readable } from "node:stream";
import type { DuplexStream } from "../../../async/byte_stream.ts";
import type { SshChannel } from "./ssh_client.ts";

/** Bytes that are read ahead before the stream below is paused. */
const readAheadBytes = 256 * 1024;

/**
 * Reads a Node stream chunk by chunk. While nobody reads it, at most {@linkcode readAheadBytes}
 * gather here and 4 MiB in ssh2, whose window then closes.
 */
export class ChunkReader {
  readonly #stream: Readable;
  readonly #chunks: Uint8Array[] = [];
  #next = 0;
  #bytes = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(stream: Readable) {
    this.#stream = stream;
    stream.on("data", this.#take).once("end", this.#end).once(
      "close",
      this.#end,
    );
  }

  /** The next chunk; undefined at the end. */
  async read(): Promise<Uint8Array | undefined> {
    while (this.#next === this.#chunks.length) {
      if (this.#ended) return undefined;
      if (this.#stream.isPaused()) this.#stream.resume();
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const chunk = this.#chunks[this.#next++];
    this.#bytes -= chunk?.length ?? 0;
    if (this.#next === this.#chunks.length) {
      this.#chunks.length = 0;
      this.#next = 0;
    }
    if (this.#bytes < readAheadBytes / 2 && this.#stream.isPaused()) {
      this.#stream.resume();
    }
    return chunk;
  }

  /** Forgets what was not read and lets what still comes go. */
  discard(): void {
    this.#stream.off("data", this.#take);
    this.#stream.resume();
    this.#chunks.length = 0;
    this.#next = 0;
    this.#bytes = 0;
    this.#end();
  }

  readonly #take = (chunk: Uint8Array) => {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= readAheadBytes) this.#stream.pause();
    this.#notify();
  };

  readonly #end = () => {
    this.#ended = true;
    this.#notify();
  };

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** Writes to a channel: a write resolves when ssh2 has encrypted all of it for the wire. */
export class ChunkWriter {
  readonly #channel: SshChannel;
  readonly #gone = Promise.withResolvers<void>();
  #lost: Error | undefined;
  #ending: Promise<void> | undefined;
  #abandon: ((why: Error) => void) | undefined;

  constructor(channel: SshChannel) {
    this.#channel = channel;
    channel.once("close", () => this.lose(closed()));
    // A failed write also calls back; as an event it would end the process.
    channel.on("error", () => undefined);
  }

  /** Resolves when the channel is gone. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Says that the channel is gone, and why writes fail: ssh2 does so only when all that came in has been read. */
  lose(why: Error): void {
    this.#lost ??= why;
    this.#abandon?.(why);
    this.#gone.resolve();
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    if (this.#lost !== undefined) throw this.#lost;
    if (this.#ending !== undefined) throw closed();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // ssh2 never calls back for what it could not send.
    this.#abandon = reject;
    const { buffer, byteOffset, length } = bytes;
    this.#channel.write(
      Buffer.from(buffer as ArrayBuffer, byteOffset, length),
      (error) => error ? reject(error) : resolve(),
    );
    await promise;
  }

  /** Ends our direction once all is sent. */
  end(): Promise<void> {
    this.#ending ??= this.#lost === undefined
      ? Promise.race([
        new Promise<void>((resolve) => this.#channel.end(() => resolve())),
        this.gone,
      ])
      : Promise.resolve();
    return this.#ending;
  }
}

/** A channel of an SSH connection as a {@linkcode DuplexStream}. */
export class ChannelStream implements DuplexStream {
  readonly #channel: SshChannel;
  readonly #reader: ChunkReader;
  readonly #writer: ChunkWriter;

  constructor(channel: SshChannel) {
    this.#channel = channel;
    this.#reader = new ChunkReader(channel);
    this.#writer = new ChunkWriter(channel);
  }

  /** Resolves when the channel is gone. */
  get gone(): Promise<void> {
    return this.#writer.gone;
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#reader.read();
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#writer.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#writer.end();
  }

  async close(): Promise<void> {
    await this.#writer.end();
    this.#reader.discard();
    this.#channel.close();
    await this.#writer.gone;
  }

  destroy(): void {
    this.#reader.discard();
    this.#channel.destroy();
    this.#writer.lose(closed());
  }

  /** Says that the connection that carried it is gone: writes reject with `why`. */
  lose(why: Error): void {
    this.#writer.lose(why);
  }
}

function closed(): Error {
  return new Deno.errors.BrokenPipe("Cannot write: the connection is gone");
}

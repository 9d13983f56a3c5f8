import {
  pingFrame,
  resetFrame,
  resetStatus,
  type SpdyFrame,
  synReplyFrame,
  synStreamFrame,
} from "./spdy_frame.ts";
import { HeaderDecoder, HeaderEncoder } from "./spdy_headers.ts";
import { OwnedStream } from "./spdy_stream.ts";
import type { SpdyWriter } from "./spdy_writer.ts";
import { Wakeup } from "./wakeup.ts";

/** Streams that one session may have open at a time. */
const maxStreams = 1000;
const maxStreamId = 0x7fffffff;

/** Bytes that the streams of one session may hold for their readers, all together. */
const maxQueuedBytes = 16 * 1024 * 1024;

/** What a table of streams belongs to. */
export interface StreamTableOptions {
  readonly role: "server" | "client";
  readonly writer: SpdyWriter;
  /** Called when the peer has said goodbye and no stream is open any more. */
  readonly left: () => void;
}

/** The streams of a session, and what frames of the peer do to them. */
export class StreamTable {
  readonly #writer: SpdyWriter;
  readonly #left: () => void;
  readonly #decoder = new HeaderDecoder();
  readonly #encoder = new HeaderEncoder();
  readonly #streams = new Map<number, OwnedStream>();
  readonly #incoming = new Set<OwnedStream>();
  readonly #opening = new Map<number, PromiseWithResolvers<void>>();
  /** Wakes who waits for a stream, for room, or for the end. */
  readonly #changed = new Wakeup();
  /** Of the ids of streams and pings that the peer chooses. */
  readonly #peerParity: number;
  #nextId: number;
  #lastPeerId = 0;
  #queuedBytes = 0;
  #peerLeaving = false;
  /** Why no stream is opened any more. */
  #sealed: Error | undefined;
  #over = false;

  constructor({ role, writer, left }: StreamTableOptions) {
    this.#writer = writer;
    this.#left = left;
    this.#peerParity = role === "server" ? 1 : 0;
    this.#nextId = role === "server" ? 2 : 1;
  }

  /** The last stream that the peer opened; 0: none. */
  get lastPeerId(): number {
    return this.#lastPeerId;
  }

  /** The next stream that the peer opened; undefined after {@linkcode end}. */
  async accept(): Promise<OwnedStream | undefined> {
    while (!this.#over) {
      for (const stream of this.#incoming) {
        this.#incoming.delete(stream);
        return stream;
      }
      await this.#changed.wait();
    }
    return undefined;
  }

  /** Opens a stream; resolves when the peer has replied. */
  async open(headers: ReadonlyMap<string, string>): Promise<OwnedStream> {
    if (this.#sealed) throw this.#sealed;
    if (this.#streams.size >= maxStreams || this.#nextId > maxStreamId) {
      throw new Error("Cannot open a stream: the session has too many");
    }
    const block = this.#encoder.encode(headers);
    const stream = this.#add(this.#nextId, headers);
    this.#nextId += 2;
    const reply = Promise.withResolvers<void>();
    this.#opening.set(stream.id, reply);
    this.#writer.control(synStreamFrame(stream.id, block));
    await reply.promise;
    return stream;
  }

  /** Lets neither side open streams any more. */
  seal(reason: Error): void {
    this.#sealed ??= new Error("Cannot open a stream: the session ends", {
      cause: reason,
    });
  }

  /** Ends every stream, and the waiting for one. */
  end(reason: Error): void {
    this.seal(reason);
    this.#over = true;
    for (const stream of [...this.#streams.values()]) stream.abandon(reason);
    this.#incoming.clear();
    this.#changed.wake();
  }

  /** Acts on a frame; resolves when there is room for more of what it brought. Throws at a bad one. */
  handle(frame: SpdyFrame): Promise<void> | undefined {
    switch (frame.kind) {
      case "data":
        return this.#receive(frame);
      case "syn stream":
        this.#opened(frame);
        break;
      case "syn reply":
      case "headers":
        this.#gotHeaders(frame);
        break;
      case "reset":
        this.#reset(frame.streamId);
        break;
      case "ping":
        this.#ping(frame.id);
        break;
      case "go away":
        this.#peerLeaving = true;
        this.seal(new Error("The peer said goodbye"));
        this.#checkLeft();
        break;
      case "other":
        return undefined;
    }
    return this.#writer.controlFull ? this.#controlRoom() : undefined;
  }

  #receive(
    frame: SpdyFrame & { readonly kind: "data" },
  ): Promise<void> | undefined {
    const stream = this.#streams.get(frame.streamId);
    // Unknown, or reset by us, which the peer may not know yet: dropped, as spdystream does.
    if (stream === undefined) return undefined;
    if (this.#opening.has(stream.id)) {
      // Nobody has the stream yet who could read: SPDY/3.1, 2.2.2.
      stream.abort(resetStatus.protocolError);
      return undefined;
    }
    stream.receive(frame.bytes);
    if (frame.fin) stream.receiveEnd();
    return this.#mustWait(stream) ? this.#room(stream) : undefined;
  }

  #opened(frame: SpdyFrame & { readonly kind: "syn stream" }): void {
    const { streamId, block, fin, unidirectional } = frame;
    const headers = this.#decoder.decode(block);
    if ((streamId & 1) !== this.#peerParity || streamId <= this.#lastPeerId) {
      throw new Error(
        `Cannot read SPDY: stream ${streamId} follows ${this.#lastPeerId}`,
      );
    }
    this.#lastPeerId = streamId;
    const open = Math.max(this.#streams.size, this.#incoming.size);
    if (this.#sealed || open >= maxStreams) {
      this.#writer.control(resetFrame(streamId, resetStatus.refused));
      return;
    }
    const stream = this.#add(streamId, headers);
    this.#incoming.add(stream);
    if (unidirectional) {
      stream.endUnidirectional();
    } else {
      const reply = this.#encoder.encode(new Map());
      this.#writer.control(synReplyFrame(streamId, reply));
    }
    if (fin) stream.receiveEnd();
    this.#changed.wake();
  }

  #gotHeaders(
    { kind, streamId, block, fin }: SpdyFrame & {
      readonly kind: "syn reply" | "headers";
    },
  ): void {
    // Also for streams that are gone: the blocks of a session are one zlib stream.
    this.#decoder.decode(block);
    if (kind === "syn reply") {
      this.#opening.get(streamId)?.resolve();
      this.#opening.delete(streamId);
    }
    if (fin) this.#streams.get(streamId)?.receiveEnd();
  }

  #reset(streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream.receiveReset();
    this.#incoming.delete(stream);
  }

  #ping(id: number): void {
    // The others are replies to pings that nobody sent.
    if ((id & 1) === this.#peerParity) this.#writer.control(pingFrame(id));
  }

  #add(id: number, headers: ReadonlyMap<string, string>): OwnedStream {
    const stream = new OwnedStream(id, headers, {
      writer: this.#writer,
      queueChanged: (bytes) => this.#queueChanged(bytes),
      streamClosed: () => this.#streamClosed(id),
    });
    this.#streams.set(id, stream);
    return stream;
  }

  #streamClosed(id: number): void {
    this.#streams.delete(id);
    this.#opening.get(id)?.reject(
      new Error("Cannot open a stream: the peer refused it or is gone"),
    );
    this.#opening.delete(id);
    this.#checkLeft();
  }

  #queueChanged(bytes: number): void {
    this.#queuedBytes += bytes;
    if (bytes < 0) this.#changed.wake();
  }

  #mustWait(stream: OwnedStream): boolean {
    if (this.#over) return false;
    return stream.full || this.#queuedBytes > maxQueuedBytes;
  }

  async #room(stream: OwnedStream): Promise<void> {
    while (this.#mustWait(stream)) await this.#changed.wait();
  }

  async #controlRoom(): Promise<void> {
    while (this.#writer.controlFull) await this.#writer.progress();
  }

  #checkLeft(): void {
    if (this.#peerLeaving && this.#streams.size === 0) this.#left();
  }
}

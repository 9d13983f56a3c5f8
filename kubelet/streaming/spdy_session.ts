import { abortable, type AbortOptions } from "../../async/abort.ts";
import { Deadline } from "../../async/deadline.ts";
import type { ByteStream } from "../../async/byte_stream.ts";
import { goAwayFrame, pingFrame } from "./spdy_frame.ts";
import { SpdyFrameParser } from "./spdy_frame_parser.ts";
import { StreamTable } from "./spdy_stream_table.ts";
import { SpdyWriter } from "./spdy_writer.ts";

/** How long a peer that does not read can delay the end of its session. */
const closeLimitMs = 5000;

/** One of the byte streams that share a connection. */
export interface SpdyStream {
  readonly id: number;
  /** As the opener sent them: names in lower case, of several values the first. */
  readonly headers: ReadonlyMap<string, string>;
  /**
   * The next bytes, to keep; undefined at the peer's end, after a reset, or when the session is
   * gone and all that came before was read. While a stream has its 256 KiB waiting because nobody
   * reads, no stream of the session gets bytes: who has lost interest resets the stream.
   */
  read(): Promise<Uint8Array | undefined>;
  /**
   * Resolves when the connection took `bytes`, which must not change before; rejects when the
   * stream was ended or reset, or the session is gone.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends our side after what was written. Repeatable; what is gone already needs no end. */
  end(): Promise<void>;
  /** Ends both sides at once and drops what comes in or waits to go out. Repeatable. */
  reset(): Promise<void>;
}

/** Which side of a session this is: who dialled is the client. */
export interface SpdySessionOptions {
  readonly role: "server" | "client";
}

/**
 * Many streams over one connection, by the framing of SPDY/3.1 as Kubernetes speaks it.
 *
 * There is no flow control but the connection's own, since moby/spdystream has none: windows are
 * neither kept nor heeded, and a stream nobody reads holds up the others.
 */
export class SpdySession {
  readonly #connection: ByteStream;
  readonly #parser = new SpdyFrameParser();
  readonly #writer: SpdyWriter;
  readonly #streams: StreamTable;
  #lastReadAt = Date.now();
  #pingId: number;
  #closing: Promise<void> | undefined;
  #over = false;

  /** @param stream The connection after its upgrade; the session closes it. */
  constructor(stream: ByteStream, { role }: SpdySessionOptions) {
    this.#connection = stream;
    this.#pingId = role === "server" ? 2 : 1;
    this.#writer = new SpdyWriter(stream, () => this.#finish(gone()));
    const left = () => {
      this.#closing ??= this.#close();
    };
    this.#streams = new StreamTable({ role, writer: this.#writer, left });
  }

  /** When bytes last went in either direction; ms. */
  get lastActivityAt(): number {
    return Math.max(this.#lastReadAt, this.#writer.lastWriteAt);
  }

  /** The next stream that the peer opened, with the reply sent; undefined when the session is over. */
  accept(): Promise<SpdyStream | undefined> {
    return this.#streams.accept();
  }

  /** Opens a stream; resolves when the peer has replied, rejects when it refuses or is gone. */
  open(headers: ReadonlyMap<string, string>): Promise<SpdyStream> {
    return this.#streams.open(headers);
  }

  /**
   * Sends something, so that a peer which is gone is noticed even while a stream nobody reads keeps
   * the session from reading.
   */
  ping(): void {
    if (this.#over || this.#writer.controlFull) return;
    this.#writer.control(pingFrame(this.#pingId));
    this.#pingId = (this.#pingId + 2) % 0x80000000;
  }

  /**
   * Reads the connection until the peer is gone, the session was closed, or `signal` aborts; then
   * every stream is at its end and the connection is closed.
   *
   * @throws If the peer breaks the protocol.
   */
  async run({ signal }: AbortOptions): Promise<void> {
    const abort = () => this.#finish(gone({ cause: signal.reason }));
    signal.addEventListener("abort", abort, { once: true });
    try {
      if (signal.aborted) abort();
      await this.#receive();
      await this.#closing;
    } catch (cause) {
      this.#finish(gone({ cause }));
      throw cause;
    } finally {
      signal.removeEventListener("abort", abort);
      this.#finish(gone());
    }
  }

  /**
   * Says goodbye, sends what was written, and closes the connection, within 5 s even if the peer
   * does not read. Repeatable; never rejects.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    if (this.#over) return;
    using limit = new Deadline(closeLimitMs, new AbortController());
    this.#streams.seal(gone());
    this.#writer.control(goAwayFrame(this.#streams.lastPeerId));
    try {
      await abortable(this.#writer.flush(gone()), limit);
      await abortable(this.#connection.close(), limit);
    } catch {
      // Time is up, or the connection is gone already: it is dropped either way.
    }
    this.#finish(gone());
  }

  #finish(reason: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#writer.stop(reason);
    this.#streams.end(reason);
    this.#connection.destroy();
  }

  async #receive(): Promise<void> {
    while (!this.#over) {
      const chunk = await this.#connection.read();
      if (chunk === undefined) break;
      this.#lastReadAt = Date.now();
      this.#parser.feed(chunk);
      await this.#handleFrames();
    }
    if (this.#over || this.#closing || !this.#parser.insideFrame) return;
    throw new Error("Cannot read SPDY: the connection ended within a frame");
  }

  async #handleFrames(): Promise<void> {
    while (!this.#over) {
      const frame = this.#parser.next();
      if (frame === undefined) return;
      const room = this.#streams.handle(frame);
      if (room) await room;
    }
  }
}

function gone(options?: ErrorOptions): Error {
  return new Error("Cannot write SPDY: the connection is gone", options);
}

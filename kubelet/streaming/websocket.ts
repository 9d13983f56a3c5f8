import { abortable, type AbortOptions } from "../../async/abort.ts";
import { Deadline } from "../../async/deadline.ts";
import { delay } from "../../async/delay.ts";
import { getLogger } from "../../async/log.ts";
import type { ByteStream } from "../../async/byte_stream.ts";
import { opcodes } from "./websocket_frame.ts";
import { WebSocketReader } from "./websocket_reader.ts";
import { WebSocketWriter } from "./websocket_writer.ts";

/** A whole message; its bytes belong to whoever reads it. */
export interface WebSocketMessage {
  readonly kind: "text" | "binary";
  readonly data: Uint8Array;
}

/** Options of {@linkcode WebSocketConnection}. */
export interface WebSocketOptions {
  /** A client masks what it sends, a server does not. */
  readonly role: "server" | "client";
  /** A longer message ends the connection with code 1009; 4 MiB by default. */
  readonly maxMessageBytes?: number;
  /** How long the peer may take to answer our close frame; 30 s by default. */
  readonly closeTimeout?: number;
}

const defaultMaxMessageBytes = 4 * 1024 * 1024;
/** Enough for a reader behind a slow line to get what is on its way to it. */
const defaultCloseTimeout = 30_000;
const defaultPingInterval = 30_000;
const maxUnansweredPings = 3;

const log = getLogger("kubelet");

/**
 * One end of a WebSocket (RFC 6455) after its handshake.
 *
 * It reads nothing unless {@linkcode WebSocketConnection.read} is pending, so pings are answered
 * only then. Whoever has it calls `close` or `destroy` in the end, whichever side ended it.
 */
export class WebSocketConnection {
  readonly #stream: ByteStream;
  readonly #reader: WebSocketReader;
  readonly #writer: WebSocketWriter;
  readonly #closeTimeout: number;
  /** Aborted when nothing more is to come. */
  readonly #inputEnded = new AbortController();
  #receiving: Promise<WebSocketMessage | undefined> | undefined;
  #broken = false;
  #closing: Promise<void> | undefined;
  #closeCode: number | undefined;

  constructor(
    stream: ByteStream,
    {
      role,
      maxMessageBytes = defaultMaxMessageBytes,
      closeTimeout = defaultCloseTimeout,
    }: WebSocketOptions,
  ) {
    this.#stream = stream;
    const masked = role === "server";
    this.#reader = new WebSocketReader(stream, { masked, maxMessageBytes });
    this.#writer = new WebSocketWriter(stream, { masked: !masked });
    this.#closeTimeout = closeTimeout;
  }

  /** The code of the peer's close frame, 1005 if it named none; undefined while there was none. */
  get closeCode(): number | undefined {
    return this.#closeCode;
  }

  /** When a byte last came or went, pings included; in milliseconds. */
  get lastActivityAt(): number {
    return Math.max(this.#reader.lastReceivedAt, this.#writer.lastWriteAt);
  }

  /**
   * The next message, whose bytes the caller may keep; undefined once either side has closed, the
   * peer is gone, or it broke the protocol. One at a time.
   */
  async read(): Promise<WebSocketMessage | undefined> {
    if (this.#closing !== undefined) return undefined;
    const message = await this.#receive();
    return this.#closing === undefined ? message : undefined;
  }

  /**
   * Sends a message in one frame. Resolves when the connection took it and `data` may be changed
   * again; rejects when either side has closed. Calls wait for each other.
   */
  write(
    data: Uint8Array,
    kind: WebSocketMessage["kind"] = "binary",
  ): Promise<void> {
    return this.#writer.message(opcodes[kind], data);
  }

  /**
   * Closes with `code`, waits for the peer's consent for a limited time, and resolves when the
   * connection is gone. Messages that still come are dropped. Repeatable; never rejects.
   */
  close(code = 1000): Promise<void> {
    this.#closing ??= this.#shutDown(code);
    return this.#closing;
  }

  /** Drops the connection at once. Repeatable. */
  destroy(): void {
    this.#writer.stop();
    this.#inputEnded.abort();
    this.#stream.destroy();
  }

  /**
   * Pings a peer from which nothing has come for `interval` milliseconds, 30 s by default, and
   * drops the connection when three pings brought nothing although somebody waited for it. While
   * nobody does, the peer gets a pong unasked, and is dropped when it does not take it. Resolves
   * when aborted or the connection has ended.
   */
  async keepAlive(
    { signal, interval = defaultPingInterval }: AbortOptions & {
      readonly interval?: number;
    },
  ): Promise<void> {
    const ended = AbortSignal.any([signal, this.#inputEnded.signal]);
    let heardAt = this.#reader.lastReceivedAt;
    // Counted rather than timed: a process that slept has heard nobody.
    for (let unanswered = 0;;) {
      try {
        await delay(interval, { signal: ended });
      } catch {
        return; // aborted
      }
      if (this.#writer.broken) return this.destroy();
      const { lastReceivedAt, waiting } = this.#reader;
      const heard = lastReceivedAt !== heardAt;
      heardAt = lastReceivedAt;
      // A peer whose pings nobody reads would give us up: RFC 6455, 5.5.3, allows it.
      if (!waiting) this.#writer.pong(new Uint8Array());
      if (heard || !waiting) unanswered = 0;
      if (heard || !waiting) continue;
      if (unanswered === maxUnansweredPings) {
        log.debug("Dropped a WebSocket client that answers no pings");
        return this.destroy();
      }
      unanswered++;
      this.#writer.ping();
    }
  }

  /** Whoever reads and whoever closes may both wait for the same message. */
  #receive(): Promise<WebSocketMessage | undefined> {
    if (this.#inputEnded.signal.aborted) return Promise.resolve(undefined);
    this.#receiving ??= this.#nextMessage();
    return this.#receiving;
  }

  async #nextMessage(): Promise<WebSocketMessage | undefined> {
    for (;;) {
      const incoming = await this.#reader.next();
      switch (incoming.kind) {
        case "text":
        case "binary":
          this.#receiving = undefined;
          return incoming;
        case "ping":
          this.#writer.pong(incoming.payload);
          continue;
        case "pong":
          continue;
        case "close":
          this.#closeCode = incoming.code;
          this.#writer.close(incoming.code);
          break;
        case "violation": {
          const { code, reason } = incoming;
          log.debug("A WebSocket client broke the protocol", { code, reason });
          this.#broken = true;
          this.#writer.close(code);
          break;
        }
        case "ended":
          this.#writer.stop();
          break;
      }
      this.#inputEnded.abort();
      return undefined;
    }
  }

  async #shutDown(code: number): Promise<void> {
    this.#writer.close(code);
    try {
      await this.#inTime(Promise.all([this.#drain(), this.#writer.written]));
    } catch (error) {
      log.debug("A WebSocket client did not answer our close", { error });
    }
    this.#inputEnded.abort();
    try {
      await this.#inTime(this.#stream.close());
    } catch (error) {
      log.debug("Cannot close a WebSocket in time", { error });
    } finally {
      this.#stream.destroy();
    }
  }

  async #inTime(step: Promise<unknown>): Promise<void> {
    using limit = new Deadline(this.#closeTimeout, new AbortController());
    await abortable(step, limit);
  }

  /** Reads until the peer has closed or gone, so that our kernel has no reason for a reset. */
  async #drain(): Promise<void> {
    while (await this.#receive() !== undefined);
    if (this.#broken) await this.#reader.discard();
  }
}

/** The bytes in the binary messages of `ws` as one stream, which a text message ends. */
export function webSocketTunnel(ws: WebSocketConnection): ByteStream {
  return {
    async read() {
      for (;;) {
        const message = await ws.read();
        if (message?.kind === "text") {
          await ws.close(1003);
          return undefined;
        }
        if (message?.data.length !== 0) return message?.data;
      }
    },
    write: (bytes) => ws.write(bytes),
    close: () => ws.close(),
    destroy: () => ws.destroy(),
  };
}

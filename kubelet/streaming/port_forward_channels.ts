import { channelMessage, readChannelMessage } from "./channel_message.ts";
import type { PortStream } from "./port_forward.ts";
import { Wakeup } from "./wakeup.ts";
import type { WebSocketConnection } from "./websocket.ts";

/**
 * Numbered channels in the messages of a WebSocket, each of which begins with its channel: a byte,
 * or with `base64` a character, zero's and on. A client cannot end a single one.
 */
export class PortForwardChannels {
  readonly #ws: WebSocketConnection;
  readonly #base64: boolean;
  readonly #readable = new Map<number, Channel>();
  #lastActivityAt = Date.now();

  constructor(
    ws: WebSocketConnection,
    { base64 }: { readonly base64: boolean },
  ) {
    this.#ws = ws;
    this.#base64 = base64;
  }

  /** When a message last came or went, pings aside; in milliseconds. */
  get lastActivityAt(): number {
    return this.#lastActivityAt;
  }

  /** Channel `number`; what the client sends on an error channel is dropped. */
  open(number: number, type: "data" | "error"): PortStream {
    const channel = new Channel((bytes) => this.#send(number, bytes));
    if (type === "data") this.#readable.set(number, channel);
    return channel;
  }

  /**
   * Hands out what comes, and waits until it was taken, so that a slow pod slows the client down.
   * Resolves when the WebSocket has ended; then every data channel has.
   */
  async run(): Promise<void> {
    for (;;) {
      const message = await this.#ws.read();
      if (message === undefined) break;
      this.#lastActivityAt = Date.now();
      const received = readChannelMessage(message, { base64: this.#base64 });
      if (received === undefined || received.bytes.length === 0) continue;
      await this.#readable.get(received.channel)?.hand(received.bytes);
    }
    await Promise.all(
      [...this.#readable.values()].map((channel) => channel.end()),
    );
  }

  async #send(channel: number, bytes: Uint8Array): Promise<void> {
    this.#lastActivityAt = Date.now();
    const options = { base64: this.#base64 };
    const { data, kind } = channelMessage({ channel, bytes }, options);
    await this.#ws.write(data, kind);
    this.#lastActivityAt = Date.now();
  }
}

class Channel implements PortStream {
  readonly #send: (bytes: Uint8Array) => Promise<void>;
  readonly #changed = new Wakeup();
  #handed: Uint8Array | undefined;
  #ended = false;

  constructor(send: (bytes: Uint8Array) => Promise<void>) {
    this.#send = send;
  }

  async read(): Promise<Uint8Array | undefined> {
    while (this.#handed === undefined && !this.#ended) {
      await this.#changed.wait();
    }
    const bytes = this.#handed;
    this.#handed = undefined;
    this.#changed.wake();
    return bytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#ended) throw new Error("Cannot write: the channel has ended");
    if (bytes.length > 0) await this.#send(bytes);
  }

  /** Both sides: the client cannot be told that only one has ended. */
  end(): Promise<void> {
    this.#ended = true;
    this.#changed.wake();
    return Promise.resolve();
  }

  reset(): Promise<void> {
    this.#handed = undefined;
    return this.end();
  }

  /** Resolves when `bytes` were read, or nobody wants them. */
  async hand(bytes: Uint8Array): Promise<void> {
    if (this.#ended) return;
    this.#handed = bytes;
    this.#changed.wake();
    while (this.#handed !== undefined && !this.#ended) {
      await this.#changed.wait();
    }
  }
}

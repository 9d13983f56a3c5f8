import type { GuestInput } from "../descriptors.ts";
import { failWith } from "./guest_error.ts";
import type { Fields } from "./http_fields.ts";
import { Pollable } from "./pollable.ts";
import { type GuestSink, InputStream, OutputStream } from "./streams.ts";

/** The resource `wasi:http/types.incoming-body`. */
export class IncomingBody {
  #body: ReadableStream<Uint8Array> | null | undefined;

  constructor(body: ReadableStream<Uint8Array> | null) {
    this.#body = body;
  }

  /** Can be had once. */
  stream(): InputStream {
    const body = this.#body;
    if (body === undefined) return failWith(undefined);
    this.#body = undefined;
    if (body === null) return new InputStream(new StreamInput());
    const input = new StreamInput(body.getReader());
    return new InputStream(input, () => input.close());
  }

  static finish(_body: IncomingBody): FutureTrailers {
    return new FutureTrailers();
  }
}

/** The resource `wasi:http/types.future-trailers`; there never are any. */
export class FutureTrailers {
  subscribe(): Pollable {
    return new Pollable();
  }

  get() {
    return { tag: "ok", val: { tag: "ok", val: undefined } };
  }
}

/** The resource `wasi:http/types.outgoing-body`. */
export class OutgoingBody {
  readonly #sink = new StreamSink();
  #written = false;

  /** What the guest writes; its end is an error if the guest goes without finishing it. */
  get readable(): ReadableStream<Uint8Array> {
    return this.#sink.readable;
  }

  /** Can be had once. */
  write(): OutputStream {
    if (this.#written) return failWith(undefined);
    this.#written = true;
    return new OutputStream(this.#sink);
  }

  /** Trailers are dropped: HTTP/1.1 clients do not ask for them. */
  static finish(body: OutgoingBody, _trailers?: Fields): void {
    body.#sink.end();
  }

  /** A guest that drops it unfinished means that something went wrong. */
  [Symbol.dispose](): void {
    this.#sink.abort();
  }
}

/** Reads no further than a guest has taken. */
class StreamInput implements GuestInput {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #unread = new Uint8Array(0);
  #ended: boolean;
  #reading: Promise<void> | undefined;

  constructor(reader?: ReadableStreamDefaultReader<Uint8Array>) {
    this.#reader = reader;
    this.#ended = reader === undefined;
  }

  get ready(): boolean {
    return this.#ended || this.#unread.length > 0;
  }

  untilReady(): Promise<void> {
    if (this.ready) return Promise.resolve();
    this.#reading ??= this.#read();
    return this.#reading;
  }

  take(maxLength: number): Uint8Array {
    const taken = this.#unread.subarray(0, maxLength);
    this.#unread = this.#unread.subarray(taken.length);
    return taken;
  }

  close(): void {
    this.#ended = true;
    // The other end may be gone; it need not hear that we are.
    this.#reader?.cancel().catch(() => undefined);
  }

  async #read(): Promise<void> {
    try {
      const chunk = await this.#reader?.read();
      if (chunk === undefined || chunk.done) this.#ended = true;
      else this.#unread = new Uint8Array(chunk.value);
    } catch {
      // A client that went away has sent all that it will send.
      this.#ended = true;
    } finally {
      this.#reading = undefined;
    }
  }
}

/** A sink whose bytes somebody reads, at their own pace. */
class StreamSink implements GuestSink {
  readonly readable: ReadableStream<Uint8Array>;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #drained = Promise.withResolvers<void>();
  #state: "open" | "ended" | "gone" = "open";

  constructor() {
    this.readable = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#wake(),
      cancel: () => {
        this.#state = "gone";
        this.#wake();
      },
    }, new ByteLengthQueuingStrategy({ highWaterMark: bufferBytes }));
  }

  get room(): number {
    if (this.#state !== "open") failWith({ tag: "closed" });
    return Math.max(0, this.#controller?.desiredSize ?? 0);
  }

  write(bytes: Uint8Array): void {
    if (this.#state !== "open") failWith({ tag: "closed" });
    if (bytes.length > 0) this.#controller?.enqueue(bytes);
  }

  async untilRoom(): Promise<void> {
    if (this.#state !== "open" || this.room > 0) return;
    await this.#drained.promise;
  }

  /** Handed over is as good as gone: who reads is another matter. */
  flush(): Promise<void> {
    return this.#state === "open" ? this.untilRoom() : Promise.resolve();
  }

  end(): void {
    if (this.#state === "open") this.#controller?.close();
    this.#state = "ended";
    this.#wake();
  }

  abort(): void {
    if (this.#state === "open") {
      this.#controller?.error(new Error("the guest did not finish its body"));
    }
    this.#state = "gone";
    this.#wake();
  }

  #wake(): void {
    this.#drained.resolve();
    this.#drained = Promise.withResolvers();
  }
}

const bufferBytes = 65536;

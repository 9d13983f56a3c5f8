import type { GuestInput } from "../descriptors.ts";
import { failWith } from "./guest_error.ts";
import { Fields } from "./http_fields.ts";
import { Pollable } from "./pollable.ts";
import { type GuestSink, InputStream, OutputStream } from "./streams.ts";

/** The resource `wasi:http/types.incoming-body`. */
export class IncomingBody implements Disposable {
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

  static finish(body: IncomingBody): FutureTrailers {
    body[Symbol.dispose]();
    return new FutureTrailers();
  }

  /** Whoever sends it need not hear that nobody reads it; its stream lets go by itself. */
  [Symbol.dispose](): void {
    this.#body?.cancel().catch(() => undefined);
    this.#body = undefined;
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
  #trailers = new Fields();
  #written = false;
  #finished = false;

  /** What the guest writes; its end is an error if the guest goes without finishing it. */
  get readable(): ReadableStream<Uint8Array> {
    return this.#sink.readable;
  }

  /** Whether the guest writes no more of it. */
  get isOver(): boolean {
    return this.#sink.isOver;
  }

  /** Whether the guest has written all of it, whoever has read that. */
  get isFinished(): boolean {
    return this.#finished;
  }

  /** All of it, where the guest has finished it already; it is then nowhere else. */
  takeWhole(): Uint8Array<ArrayBuffer> | undefined {
    return this.#sink.takeWhole();
  }

  /** Can be had once. */
  write(): OutputStream {
    if (this.#written) return failWith(undefined);
    this.#written = true;
    return new OutputStream(this.#sink);
  }

  /** Trailers go with requests alone: Deno's server has none for responses. */
  static finish(body: OutgoingBody, trailers?: Fields): void {
    if (trailers !== undefined) body.#trailers = trailers;
    body.#finished = true;
    body.#sink.end();
  }

  /** What came with its end. */
  get trailers(): Fields {
    return this.#trailers;
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
  #failure: { readonly error: unknown } | undefined;

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
    if (this.#failure !== undefined && this.#unread.length === 0) {
      throw this.#failure.error;
    }
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
    } catch (error) {
      // Half a body must not be taken for all of it.
      this.#failure = { error };
      this.#ended = true;
    } finally {
      this.#reading = undefined;
    }
  }
}

/** A sink whose bytes somebody reads, at their own pace. */
class StreamSink implements GuestSink {
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  #buffered = 0;
  #changed = Promise.withResolvers<void>();
  #state: "open" | "ended" | "gone" = "open";

  get isOver(): boolean {
    return this.#state !== "open";
  }

  /** All bytes, where they are there already; they are then nowhere else. */
  takeWhole(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#state !== "ended") return undefined;
    const [first = new Uint8Array(0), ...others] = this.#chunks.splice(0);
    if (others.length === 0) return first;
    const all = new Uint8Array(this.#buffered);
    let at = 0;
    for (const chunk of [first, ...others]) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }

  get readable(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        while (this.#chunks.length === 0 && this.#state === "open") {
          await this.#changed.promise;
        }
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          this.#buffered -= chunk.length;
          this.#wake();
          return controller.enqueue(chunk);
        }
        if (this.#state === "gone") return controller.error(unfinished());
        controller.close();
      },
      cancel: () => {
        this.#state = "gone";
        this.#chunks.length = 0;
        this.#wake();
      },
    }, { highWaterMark: 0 });
  }

  get room(): number {
    if (this.#state !== "open") failWith({ tag: "closed" });
    return Math.max(0, bufferBytes - this.#buffered);
  }

  get ready(): boolean {
    return this.isOver || this.room > 0;
  }

  write(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#state !== "open") failWith({ tag: "closed" });
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#buffered += bytes.length;
    this.#wake();
  }

  untilRoom(): Promise<void> {
    return this.#changed.promise;
  }

  /** Handed over is as good as gone: who reads is another matter. */
  flush(): Promise<void> | undefined {
    return this.ready ? undefined : this.#untilReady();
  }

  end(): void {
    this.#state = this.#state === "gone" ? "gone" : "ended";
    this.#wake();
  }

  abort(): void {
    if (this.#state === "open") this.#state = "gone";
    this.#wake();
  }

  async #untilReady(): Promise<void> {
    while (!this.ready) await this.untilRoom();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** Deno's server prints it: without a stack it is a line of the guest's log. */
function unfinished(): Error {
  const error = new Error("the guest did not finish its body");
  error.stack = `farlet: ${error.message}`;
  return error;
}

const bufferBytes = 65536;

/** The length of a whole piece, in bytes. */
export const pieceBytes = 64 * 1024;
const room = { before: 16, after: 2 } as const;

/**
 * Reads a stream in pieces of at most 64 KiB. A byte stream fills one or two buffers again and
 * again; what other streams give is copied into them.
 *
 * A whole piece is good until the next but one is asked for, so that it can be worked on while
 * the next one is read; a shorter one, until the next one is asked for.
 *
 * Each piece has room for 16 bytes before it and 2 after it in its buffer, for its framing.
 */
export class BodyReader {
  readonly #byob: ReadableStreamBYOBReader | undefined;
  readonly #plain: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #buffer = newBuffer();
  /** The buffer of the piece before, once there was a whole one. */
  #spare: ArrayBuffer | undefined;
  #whole = false;
  #rest: Uint8Array = new Uint8Array();

  constructor(body: ReadableStream<Uint8Array>) {
    try {
      this.#byob = body.getReader({ mode: "byob" });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.#plain = body.getReader(); // not a byte stream
    }
  }

  /** The next piece; undefined at the end. One at a time. */
  async read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (this.#whole) {
      const next = this.#spare ?? newBuffer();
      this.#spare = this.#buffer;
      this.#buffer = next;
    }
    const piece = await this.#fill();
    this.#whole = piece?.length === pieceBytes;
    return piece;
  }

  async #fill(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const into = new Uint8Array(this.#buffer, room.before, pieceBytes);
    if (this.#byob !== undefined) {
      const { done, value } = await this.#byob.read(into);
      if (value !== undefined) this.#buffer = value.buffer;
      return done ? undefined : value;
    }
    while (this.#rest.length === 0) {
      const { done, value } = await this.#plain?.read() ?? { done: true };
      if (done || value === undefined) return undefined;
      this.#rest = value;
    }
    const taken = this.#rest.subarray(0, pieceBytes);
    into.set(taken);
    this.#rest = this.#rest.subarray(taken.length);
    return into.subarray(0, taken.length);
  }

  /** Lets go of the stream; a pending read ends. */
  cancel(reason: unknown): void {
    const reader = this.#byob ?? this.#plain;
    reader?.cancel(reason).catch(() => undefined); // Nobody wants it any more.
  }
}

function newBuffer(): ArrayBuffer {
  return new ArrayBuffer(room.before + pieceBytes + room.after);
}

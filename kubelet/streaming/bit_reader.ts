/** Thrown where the bits end before what is read does; more bytes may bring the rest. */
export class OutOfBits extends Error {
  override readonly name = "OutOfBits";

  constructor() {
    super("Cannot read bits: the bytes end");
  }
}

/** Reads bits, lowest first as deflate has them, from bytes that come in chunks. */
export class BitReader {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #hold = 0;
  #held = 0;
  #markedAt = 0;
  #markedHold = 0;
  #markedHeld = 0;

  /** Adds a chunk, which must not change until {@linkcode keep}. */
  add(chunk: Uint8Array): void {
    if (this.#at === this.#bytes.length) {
      this.#bytes = chunk;
    } else {
      const rest = this.#bytes.subarray(this.#at);
      this.#bytes = new Uint8Array(rest.length + chunk.length);
      this.#bytes.set(rest);
      this.#bytes.set(chunk, rest.length);
    }
    this.#at = 0;
  }

  /** Copies what was not read yet, so that the chunks may be overwritten. */
  keep(): void {
    this.#bytes = this.#bytes.slice(this.#at);
    this.#at = 0;
  }

  /** Whether every bit was read. */
  get empty(): boolean {
    return this.#held === 0 && this.#at === this.#bytes.length;
  }

  /** The place that {@linkcode rewind} goes back to; it holds until the next `keep`. */
  mark(): void {
    this.#markedAt = this.#at;
    this.#markedHold = this.#hold;
    this.#markedHeld = this.#held;
  }

  rewind(): void {
    this.#at = this.#markedAt;
    this.#hold = this.#markedHold;
    this.#held = this.#markedHeld;
  }

  /** The next `count` bits as a number; at most 16. Throws {@linkcode OutOfBits}. */
  bits(count: number): number {
    while (this.#held < count) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new OutOfBits();
      this.#hold |= byte << this.#held;
      this.#held += 8;
      this.#at++;
    }
    const value = this.#hold & ((1 << count) - 1);
    this.#hold >>>= count;
    this.#held -= count;
    return value;
  }

  /** Skips to the next whole byte. */
  align(): void {
    // Never more than seven bits are held: bytes are taken one by one as they are needed.
    this.#hold = 0;
    this.#held = 0;
  }

  /** At most `count` whole bytes, those that are there; only where it is aligned. */
  bytes(count: number): Uint8Array {
    const bytes = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += bytes.length;
    return bytes;
  }
}

import { BitReader, OutOfBits } from "./bit_reader.ts";
import {
  type DeflateCodes,
  endOfBlock,
  fixedCodes,
  readCodes,
} from "./deflate_codes.ts";
import type { HuffmanCode } from "./huffman_code.ts";

/** What a back reference reaches. */
const windowBytes = 32 * 1024;

/** RFC 1951, 3.2.5 and 3.2.7. */
// deno-fmt-ignore
const lengthBases = [3,4,5,6,7,8,9,10,11,13,15,17,19,23,27,31,35,43,51,59,67,83,99,115,131,163,195,227,258];
// deno-fmt-ignore
const lengthBits = [0,0,0,0,0,0,0,0,1,1,1,1,2,2,2,2,3,3,3,3,4,4,4,4,5,5,5,5,0];
// deno-fmt-ignore
const distanceBases = [1,2,3,4,5,7,9,13,17,25,33,49,65,97,129,193,257,385,513,769,1025,1537,2049,3073,4097,6145,8193,12289,16385,24577];
// deno-fmt-ignore
const distanceBits = [0,0,0,0,1,1,2,2,3,3,4,4,5,5,6,6,7,7,8,8,9,9,10,10,11,11,12,12,13,13];
type State =
  | { readonly kind: "header" }
  | { readonly kind: "between blocks" }
  | { readonly kind: "stored"; readonly leftBytes: number }
  | { readonly kind: "coded"; readonly codes: DeflateCodes }
  | { readonly kind: "trailer" };

/**
 * Inflates a zlib stream (RFC 1950) with a preset dictionary, synchronously and chunk by chunk.
 *
 * node:zlib of Deno does this asynchronously only. A checksum at the end of the stream is not
 * verified. After an error nothing more can be inflated.
 */
export class Inflater {
  readonly #dictionary: Uint8Array;
  readonly #input = new BitReader();
  readonly #window = new Uint8Array(windowBytes);
  #windowAt = 0;
  #windowSize = 0;
  #state: State = { kind: "header" };
  #final = false;
  #fixed: DeflateCodes | undefined;
  #output = new Uint8Array(0);
  #outputSize = 0;
  #maxBytes = 0;

  /** @param dictionary Used if the stream asks for it. */
  constructor(dictionary: Uint8Array) {
    this.#dictionary = dictionary;
  }

  /**
   * All that the stream up to the end of `chunk` tells, less what earlier calls gave.
   *
   * @throws If the stream is broken or `chunk` makes more than `maxBytes`.
   */
  push(chunk: Uint8Array, maxBytes: number): Uint8Array {
    this.#input.add(chunk);
    this.#output = new Uint8Array(Math.min(maxBytes, chunk.length * 4 + 64));
    this.#outputSize = 0;
    this.#maxBytes = maxBytes;
    this.#inflate();
    this.#input.keep();
    return this.#output.subarray(0, this.#outputSize);
  }

  #inflate(): void {
    try {
      while (!this.#input.empty) {
        this.#input.mark();
        this.#state = this.#step(this.#state);
      }
    } catch (error) {
      if (!(error instanceof OutOfBits)) throw error;
      this.#input.rewind();
    }
  }

  #step(state: State): State {
    switch (state.kind) {
      case "header":
        return this.#header();
      case "between blocks":
        return this.#block();
      case "stored":
        return this.#stored(state.leftBytes);
      case "coded":
        return this.#coded(state.codes);
      case "trailer":
        throw new Error("Cannot inflate: bytes follow the end of the stream");
    }
  }

  #header(): State {
    const method = this.#input.bits(8);
    const flags = this.#input.bits(8);
    if ((method & 0x0f) !== 8 || method >> 4 > 7) {
      throw new Error("Cannot inflate: the stream is not of zlib");
    }
    if ((method << 8 | flags) % 31 !== 0) {
      throw new Error("Cannot inflate: the zlib header is broken");
    }
    if ((flags & 0x20) === 0) return { kind: "between blocks" };
    let id = 0;
    for (let byte = 0; byte < 4; byte++) id = id * 256 + this.#input.bits(8);
    if (id !== adler32(this.#dictionary)) {
      throw new Error("Cannot inflate: the stream needs another dictionary");
    }
    for (const byte of this.#dictionary) this.#remember(byte);
    return { kind: "between blocks" };
  }

  #block(): State {
    if (this.#final) {
      for (let byte = 0; byte < 4; byte++) this.#input.bits(8);
      return { kind: "trailer" };
    }
    const final = this.#input.bits(1) === 1;
    const state = this.#blockHead(this.#input.bits(2));
    this.#final = final;
    return state;
  }

  #blockHead(type: number): State {
    if (type === 0) {
      this.#input.align();
      const leftBytes = this.#input.bits(16);
      if ((this.#input.bits(16) ^ 0xffff) !== leftBytes) {
        throw new Error("Cannot inflate: the length of a block is broken");
      }
      return this.#leftStored(leftBytes);
    }
    if (type === 1) {
      this.#fixed ??= fixedCodes();
      return { kind: "coded", codes: this.#fixed };
    }
    if (type === 2) return { kind: "coded", codes: readCodes(this.#input) };
    throw new Error("Cannot inflate: a block is of no known type");
  }

  #stored(leftBytes: number): State {
    const bytes = this.#input.bytes(leftBytes);
    for (const byte of bytes) this.#emit(byte);
    return this.#leftStored(leftBytes - bytes.length);
  }

  #leftStored(leftBytes: number): State {
    return leftBytes > 0 ? { kind: "stored", leftBytes } : this.#afterBlock();
  }

  #afterBlock(): State {
    // The checksum starts at a whole byte.
    if (this.#final) this.#input.align();
    return { kind: "between blocks" };
  }

  /** Goes on to the end of the block; where the bits end, the last mark is where to go on. */
  #coded({ literals, distances }: DeflateCodes): State {
    for (;;) {
      const symbol = literals.decode(this.#input);
      if (symbol === endOfBlock) return this.#afterBlock();
      if (symbol < endOfBlock) this.#emit(symbol);
      else this.#copy(symbol - endOfBlock - 1, distances);
      this.#input.mark();
    }
  }

  #copy(lengthSymbol: number, distances: HuffmanCode): void {
    const length = this.#extended(lengthSymbol, lengthBases, lengthBits);
    const symbol = distances.decode(this.#input);
    const distance = this.#extended(symbol, distanceBases, distanceBits);
    if (distance > this.#windowSize) {
      throw new Error("Cannot inflate: a reference is before the stream");
    }
    for (let count = 0; count < length; count++) {
      const from = (this.#windowAt - distance) & (windowBytes - 1);
      this.#emit(this.#window[from] ?? 0);
    }
  }

  #extended(
    symbol: number,
    bases: readonly number[],
    extraBits: readonly number[],
  ): number {
    const base = bases[symbol];
    if (base === undefined) {
      throw new Error("Cannot inflate: a length or distance is unknown");
    }
    return base + this.#input.bits(extraBits[symbol] ?? 0);
  }

  #emit(byte: number): void {
    if (this.#outputSize === this.#output.length) this.#grow();
    this.#output[this.#outputSize++] = byte;
    this.#remember(byte);
  }

  #grow(): void {
    if (this.#outputSize === this.#maxBytes) {
      throw new Error(
        `Cannot inflate: more than ${this.#maxBytes} bytes come out`,
      );
    }
    const larger = Math.min(this.#maxBytes, this.#outputSize * 2);
    const output = new Uint8Array(larger);
    output.set(this.#output);
    this.#output = output;
  }

  #remember(byte: number): void {
    this.#window[this.#windowAt] = byte;
    this.#windowAt = (this.#windowAt + 1) & (windowBytes - 1);
    if (this.#windowSize < windowBytes) this.#windowSize++;
  }
}

/** The checksum by which a zlib stream names its dictionary. */
function adler32(bytes: Uint8Array): number {
  let low = 1;
  let high = 0;
  for (const byte of bytes) {
    low = (low + byte) % 65_521;
    high = (high + low) % 65_521;
  }
  return high * 65_536 + low;
}

import type { BitReader } from "./bit_reader.ts";

const maxCodeBits = 15;

/** A canonical Huffman code as deflate (RFC 1951, 3.2.2) describes it: by the length of each code. */
export class HuffmanCode {
  /** How many codes there are of each length. */
  readonly #counts = new Uint16Array(maxCodeBits + 1);
  readonly #symbols: Uint16Array;

  /**
   * @param lengths In bits, by symbol; 0: the symbol has no code.
   * @throws If no code has these lengths, or they leave bits without a meaning; the latter is
   * allowed, as zlib does, to a code of one symbol or none if `sparse` is set.
   */
  constructor(lengths: Uint8Array, { sparse }: { readonly sparse: boolean }) {
    for (const length of lengths) this.#count(length);
    const offsets = new Uint16Array(maxCodeBits + 2);
    let unused = 1;
    for (let length = 1; length <= maxCodeBits; length++) {
      const count = this.#counts[length] ?? 0;
      unused = unused * 2 - count;
      if (unused < 0) throw new Error("Cannot inflate: a code is impossible");
      offsets[length + 1] = (offsets[length] ?? 0) + count;
    }
    const total = offsets[maxCodeBits + 1] ?? 0;
    const lone = total === 0 || (total === 1 && this.#counts[1] === 1);
    if (unused > 0 && !(sparse && lone)) {
      throw new Error("Cannot inflate: a code is incomplete");
    }
    this.#symbols = new Uint16Array(total);
    for (const [symbol, length] of lengths.entries()) {
      if (length === 0) continue;
      const offset = offsets[length] ?? 0;
      this.#symbols[offset] = symbol;
      offsets[length] = offset + 1;
    }
  }

  /** The next symbol of `input`. */
  decode(input: BitReader): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= maxCodeBits; length++) {
      code |= input.bits(1);
      const count = this.#counts[length] ?? 0;
      const symbol = code - first < count
        ? this.#symbols[index + code - first]
        : undefined;
      if (symbol !== undefined) return symbol;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw new Error("Cannot inflate: bits are no code");
  }

  #count(length: number): void {
    if (length > 0) this.#counts[length] = (this.#counts[length] ?? 0) + 1;
  }
}

import type { BitReader } from "./bit_reader.ts";
import { HuffmanCode } from "./huffman_code.ts";

/** The literal symbol that ends a block. */
export const endOfBlock = 256;

// deno-fmt-ignore
const codeLengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** The codes of one compressed block. */
export interface DeflateCodes {
  readonly literals: HuffmanCode;
  readonly distances: HuffmanCode;
}

/** The codes that need no description; RFC 1951, 3.2.6. */
export function fixedCodes(): DeflateCodes {
  const literals = new Uint8Array(288).fill(8).fill(9, 144, 256)
    .fill(7, 256, 280);
  const distances = new Uint8Array(32).fill(5);
  return {
    literals: new HuffmanCode(literals, { sparse: false }),
    distances: new HuffmanCode(distances, { sparse: false }),
  };
}

/** The codes that a block starts with; RFC 1951, 3.2.7. */
export function readCodes(input: BitReader): DeflateCodes {
  const literalCount = input.bits(5) + 257;
  const distanceCount = input.bits(5) + 1;
  const codeLengthCount = input.bits(4) + 4;
  if (literalCount > 286 || distanceCount > 30) {
    throw new Error("Cannot inflate: a block has too many codes");
  }
  const code = readLengthCode(input, codeLengthCount);
  const lengths = readLengths(input, code, literalCount + distanceCount);
  if (lengths[endOfBlock] === 0) {
    throw new Error("Cannot inflate: a block has no end");
  }
  const literals = lengths.subarray(0, literalCount);
  const distances = lengths.subarray(literalCount);
  return {
    literals: new HuffmanCode(literals, { sparse: true }),
    distances: new HuffmanCode(distances, { sparse: true }),
  };
}

/** The code that the lengths of the other codes are written in. */
function readLengthCode(input: BitReader, count: number): HuffmanCode {
  const lengths = new Uint8Array(codeLengthOrder.length);
  for (const symbol of codeLengthOrder.slice(0, count)) {
    lengths[symbol] = input.bits(3);
  }
  return new HuffmanCode(lengths, { sparse: false });
}

function readLengths(
  input: BitReader,
  code: HuffmanCode,
  count: number,
): Uint8Array {
  const lengths = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const symbol = code.decode(input);
    if (symbol === 16 && at === 0) {
      throw new Error("Cannot inflate: a block repeats a length it has not");
    }
    const repeat = repeats(symbol, input);
    if (at + repeat > count) {
      throw new Error("Cannot inflate: a block has too many lengths");
    }
    const length = symbol < 16 ? symbol : 0;
    const value = symbol === 16 ? lengths[at - 1] ?? 0 : length;
    lengths.fill(value, at, at + repeat);
    at += repeat;
  }
  return lengths;
}

function repeats(symbol: number, input: BitReader): number {
  switch (symbol) {
    case 16:
      return 3 + input.bits(2);
    case 17:
      return 3 + input.bits(3);
    case 18:
      return 11 + input.bits(7);
    default:
      return 1;
  }
}

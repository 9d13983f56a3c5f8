/** A name and a value of HTTP/2. */
export type Field = readonly [name: string, value: string];

const decoder = new TextDecoder("latin1");

/** The fields as literals that nobody is to remember (RFC 7541, section 6.2.2). */
export function encodeFields(fields: readonly Field[]): Uint8Array {
  return Uint8Array.from(fields.flatMap(([name, value]) => [
    0,
    ...stringBytes(name),
    ...stringBytes(value),
  ]));
}

/**
 * Reads a block of fields from a peer that was told to remember none (RFC 7541). Of the names that
 * everybody knows only `:status` is told; fields with another of them are left out.
 */
export function decodeFields(block: Uint8Array): readonly Field[] {
  const input = new Input(block);
  const fields: Field[] = [];
  while (!input.done) {
    const first = input.peek();
    if (first >= 0x80) {
      const known = statuses[input.integer(7) - firstStatus];
      if (known !== undefined) fields.push([":status", known]);
      continue;
    }
    if (first >= 0x20 && first < 0x40) {
      input.integer(5); // the size of a table that has to be empty
      continue;
    }
    const index = input.integer(first >= 0x40 ? 6 : 4);
    const name = index === 0 ? input.string() : knownName(index);
    const value = input.string();
    if (name !== undefined) fields.push([name, value]);
  }
  return fields;
}

/** Appendix A: the entries 8 to 14. */
const firstStatus = 8;
const statuses = ["200", "204", "206", "304", "400", "404", "500"];

function knownName(index: number): string | undefined {
  const isStatus = index >= firstStatus &&
    index < firstStatus + statuses.length;
  return isStatus ? ":status" : undefined;
}

class Input {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  peek(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new Error("malformed HPACK block");
    return byte;
  }

  /** Section 5.1. */
  integer(prefixBits: number): number {
    const most = (1 << prefixBits) - 1;
    let value = this.#next() & most;
    if (value < most) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#next();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new Error("malformed HPACK integer");
  }

  /** Section 5.2. */
  string(): string {
    const isHuffman = this.peek() >= 0x80;
    const length = this.integer(7);
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new Error("malformed HPACK string");
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return isHuffman ? huffmanText(bytes) : decoder.decode(bytes);
  }

  #next(): number {
    const byte = this.peek();
    this.#at++;
    return byte;
  }
}

function stringBytes(text: string): readonly number[] {
  const bytes = new TextEncoder().encode(text);
  const prefix = bytes.length < 127 ? [bytes.length] : [127];
  for (let rest = bytes.length - 127; rest >= 0; rest >>= 7) {
    prefix.push(rest >= 128 ? rest & 127 | 128 : rest);
    if (rest < 128) break;
  }
  return [...prefix, ...bytes];
}

/** Appendix B: how many bits each byte takes, `a` for 5, `b` for 6, …; all else follows. */
const codeLengths =
  "isxxxxxxxtzxxzxxxxxxxxzxxxxxxxxxbffhibdgffdgdbbbaaabbbbbbbcdkbhf" +
  "ibccccccccccccccccccccccdcdioijbkabababbbaccbbbabcbaabccccckgjix" +
  "prpprrrsrssssststtrstssssqrsrsstrqprrssqrrtqrssqqrqsrssprrrsrrsv" +
  "vporsruvvvwwvtuoqvwwvwtqqvvxwwwptpqrqqsrruuttvsvwvvwwwwwxwwwwwv";

/** The bytes by their codes, each with a leading 1, so that no code is another with zeros. */
function huffmanCodes(): ReadonlyMap<number, number> {
  const bytes = Array.from(codeLengths, (letter, byte) => ({
    byte,
    bits: letter.charCodeAt(0) - "a".charCodeAt(0) + 5,
  })).toSorted((a, b) => a.bits - b.bits || a.byte - b.byte);
  const codes = new Map<number, number>();
  let code = -1;
  let bits = bytes[0]?.bits ?? 0;
  for (const next of bytes) {
    code = (code + 1) << (next.bits - bits);
    bits = next.bits;
    codes.set(code | 1 << bits, next.byte);
  }
  return codes;
}

function huffmanText(bytes: Uint8Array): string {
  const codes = huffmanCodes();
  let text = "";
  let code = 1;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code << 1 | byte >> bit & 1;
      const found = codes.get(code);
      if (found !== undefined) {
        text += String.fromCharCode(found);
        code = 1;
      } else if (code >= 1 << 30) throw new Error("malformed HPACK string");
    }
  }
  return text;
}

/** Thrown when bytes are not the WebAssembly that they should be. */
export class MalformedModuleError extends Error {
  override readonly name = "MalformedModuleError";
}

/** One section of a module: its content lies from `start` to `end`. */
export interface Section {
  readonly id: number;
  /** Where the section's ID is. */
  readonly offset: number;
  readonly start: number;
  readonly end: number;
}

/** Section IDs of the WebAssembly binary format. */
export const sectionId = {
  type: 1,
  import: 2,
  function: 3,
  memory: 5,
  global: 6,
  export: 7,
  code: 10,
} as const;

/** Reads the WebAssembly binary format from `position` on, never beyond `end`. */
export class WasmReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  position: number;

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  get done(): boolean {
    return this.position >= this.end;
  }

  byte(): number {
    const value = this.bytes[this.position];
    if (value === undefined || this.done) throw unexpectedEnd();
    this.position++;
    return value;
  }

  /** An unsigned LEB128 number; exact up to 2^53. */
  unsigned(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 70; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new MalformedModuleError("a number is longer than ten bytes");
  }

  /** A length or count of bytes that must still follow. */
  length(): number {
    const length = this.unsigned();
    if (length > this.end - this.position) throw unexpectedEnd();
    return length;
  }

  /** Passes over so many bytes. */
  skip(count: number): void {
    if (count > this.end - this.position) throw unexpectedEnd();
    this.position += count;
  }

  /** Passes over a LEB128 number of either sign. */
  skipNumber(): void {
    while (this.byte() >= 0x80);
  }

  /** Passes over a value type, also one of the typed references (0x63, 0x64). */
  skipValueType(): void {
    const type = this.byte();
    if (type === 0x63 || type === 0x64) this.skipNumber();
  }

  /** A name: its length and so many bytes of UTF-8. */
  name(): string {
    const length = this.length();
    const start = this.position;
    this.skip(length);
    return new TextDecoder().decode(this.bytes.subarray(start, this.position));
  }

  /** The limits of a memory or table, in its own units. */
  limits(): Limits {
    const flags = this.byte();
    if (flags > 7) throw new MalformedModuleError(`limits with flags ${flags}`);
    const min = this.unsigned();
    const max = flags & 1 ? this.unsigned() : undefined;
    return { flags, min, max };
  }
}

/** The limits of a memory or table; 4 in the flags says that it has 64-bit addresses. */
export interface Limits {
  readonly flags: number;
  readonly min: number;
  readonly max: number | undefined;
}

/** The sections of a module in their order. */
export function readSections(bytes: Uint8Array): readonly Section[] {
  const reader = new WasmReader(bytes, preambleLength);
  const sections: Section[] = [];
  while (!reader.done) {
    const offset = reader.position;
    const id = reader.byte();
    const length = reader.length();
    const start = reader.position;
    reader.skip(length);
    sections.push({ id, offset, start, end: reader.position });
  }
  return sections;
}

/** The unsigned LEB128 encoding of a whole number. */
export function encodeUnsigned(value: number): readonly number[] {
  const bytes: number[] = [];
  for (let rest = value;;) {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low | 0x80 : low);
    if (rest === 0) return bytes;
  }
}

/** Length of the magic number and the version, before the first section. */
const preambleLength = 8;

function unexpectedEnd(): MalformedModuleError {
  return new MalformedModuleError("it ends in the middle");
}

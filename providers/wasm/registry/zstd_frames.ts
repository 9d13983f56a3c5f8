/**
 * Follows the frames of a Zstandard stream (RFC 8878) without decompressing them, to refuse a window
 * that costs its decoder more than the bytes are worth: it moves all of it for each block.
 */
export class ZstdFrames {
  /** How many blocks have begun so far. */
  blocks = 0;
  #header: number[] = [];
  #expected: Step = { bytes: 4, read: (header) => this.#magic(header) };
  #skip = 0;
  #hasChecksum = false;

  /** Takes more of the stream; throws a `TypeError` where it is damaged, or its window too large. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const passed = Math.min(this.#skip, bytes.length - at);
      this.#skip -= passed;
      at += passed;
      const missing = this.#expected.bytes - this.#header.length;
      const part = bytes.subarray(at, this.#skip > 0 ? at : at + missing);
      this.#header.push(...part);
      at += part.length;
      if (this.#header.length < this.#expected.bytes) continue;
      const header = this.#header;
      this.#header = [];
      this.#expected = this.#expected.read(header);
    }
  }

  #magic(header: readonly number[]): Step {
    const magic = number(header);
    if (magic === frameMagic) {
      return { bytes: 1, read: (next) => this.#descriptor(next) };
    }
    if (magic >= skippableMagic && magic < skippableMagic + 16) {
      return { bytes: 4, read: (size) => this.#next(number(size)) };
    }
    throw damaged();
  }

  #descriptor([flags = 0]: readonly number[]): Step {
    const isSingle = (flags & 0x20) !== 0;
    this.#hasChecksum = (flags & 4) !== 0;
    const dictionary = [0, 1, 2, 4][flags & 3] ?? 0;
    const size = [isSingle ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0;
    const window = isSingle ? 0 : 1;
    return {
      bytes: window + dictionary + size,
      read: (fields) => {
        const bytes = isSingle
          ? number(fields.slice(dictionary)) + (size === 2 ? 256 : 0)
          : windowBytes(fields[0] ?? 0);
        if (bytes > mostWindow) throw tooLarge(bytes);
        return this.#block();
      },
    };
  }

  #block(): Step {
    return {
      bytes: 3,
      read: (header) => {
        const value = number(header);
        const isRepeated = (value >> 1 & 3) === 1;
        this.blocks++;
        this.#skip = isRepeated ? 1 : value >> 3;
        if ((value & 1) === 0) return this.#block();
        return this.#next(this.#skip + (this.#hasChecksum ? 4 : 0));
      },
    };
  }

  #next(skip: number): Step {
    this.#skip = skip;
    return { bytes: 4, read: (header) => this.#magic(header) };
  }
}

/** What is read next, and what comes of it. */
interface Step {
  readonly bytes: number;
  readonly read: (header: readonly number[]) => Step;
}

/** Little-endian. */
function number(bytes: readonly number[]): number {
  return bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
}

/** Of a window descriptor. */
function windowBytes(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + base / 8 * (descriptor & 7);
}

function tooLarge(bytes: number): TypeError {
  return new TypeError(
    `its compression needs a window of ${bytes} bytes; at most ${mostWindow} are supported`,
  );
}

function damaged(): TypeError {
  return new TypeError("it is not Zstandard");
}

const frameMagic = 0xfd2f_b528;

const skippableMagic = 0x184d_2a50;

/** What RFC 8878 has decoders support; zstd(1) uses no more without `--ultra` or `--long`. */
const mostWindow = 8 * 1024 * 1024;

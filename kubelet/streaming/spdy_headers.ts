import { Inflater } from "./inflate.ts";
import { spdyDictionary } from "./spdy_dictionary.ts";

const maxBlockBytes = 64 * 1024;
const maxHeaders = 256;

/** What one of our own header blocks may have, so that it fits into one stored block and frame. */
const maxEncodedBytes = 16 * 1024;

/** Reads the header blocks of one direction of a session, every one of them, in their order. */
export class HeaderDecoder {
  readonly #inflater = new Inflater(spdyDictionary());

  /**
   * The headers of a block: names in lower case, of several values the first.
   *
   * @throws If the block is broken or too large; the session cannot go on then.
   */
  decode(block: Uint8Array): ReadonlyMap<string, string> {
    return parseHeaders(this.#inflater.push(block, maxBlockBytes));
  }
}

/**
 * Writes the header blocks of one direction of a session, to be sent in this order.
 *
 * They are zlib streams of stored blocks. An empty stored block ends each one: without it Go's
 * inflate waits for more.
 */
export class HeaderEncoder {
  #started = false;

  /** @throws If they have more than 16 KiB. */
  encode(headers: ReadonlyMap<string, string>): Uint8Array {
    const pairs = formatHeaders(headers);
    const size = pairs.length;
    if (size > maxEncodedBytes) {
      throw new Error(
        `Cannot send headers: ${size} bytes are more than ${maxEncodedBytes}`,
      );
    }
    const start = this.#started ? [] : [0x78, 0x01];
    this.#started = true;
    const low = size & 0xff;
    const high = size >> 8;
    const stored = [0, low, high, low ^ 0xff, high ^ 0xff];
    const end = [0, 0, 0, 0xff, 0xff];
    return Uint8Array.from([...start, ...stored, ...pairs, ...end]);
  }
}

function parseHeaders(block: Uint8Array): ReadonlyMap<string, string> {
  const reader = new TextReader(block);
  const headers = new Map<string, string>();
  const count = reader.number();
  if (count > maxHeaders) {
    throw new Error(
      `Cannot read headers: ${count} are more than ${maxHeaders}`,
    );
  }
  for (let read = 0; read < count; read++) {
    const name = reader.text();
    if (name === "" || name !== name.toLowerCase()) {
      throw new Error("Cannot read headers: a name is empty or in upper case");
    }
    if (headers.has(name)) {
      throw new Error("Cannot read headers: a name is there twice");
    }
    const [value = ""] = reader.text().split("\0", 1);
    headers.set(name, value);
  }
  if (!reader.atEnd) {
    throw new Error("Cannot read headers: bytes follow the last one");
  }
  return headers;
}

function formatHeaders(headers: ReadonlyMap<string, string>): Uint8Array {
  const encoder = new TextEncoder();
  const texts = [...headers].flatMap(([name, value]) => [
    encoder.encode(name.toLowerCase()),
    encoder.encode(value),
  ]);
  const size = texts.reduce((sum, text) => sum + 4 + text.length, 4);
  const block = new Uint8Array(size);
  const view = new DataView(block.buffer);
  view.setUint32(0, headers.size);
  let at = 4;
  for (const text of texts) {
    view.setUint32(at, text.length);
    block.set(text, at + 4);
    at += 4 + text.length;
  }
  return block;
}

/** Reads the numbers and texts of a header block. */
class TextReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #decoder = new TextDecoder("utf-8", {
    fatal: true,
    ignoreBOM: true,
  });
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(
      bytes.buffer,
      bytes.byteOffset,
      bytes.byteLength,
    );
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  number(): number {
    const at = this.#advance(4);
    return this.#view.getUint32(at);
  }

  text(): string {
    const length = this.number();
    const at = this.#advance(length);
    try {
      return this.#decoder.decode(this.#bytes.subarray(at, at + length));
    } catch (cause) {
      throw new Error("Cannot read headers: a text is not UTF-8", { cause });
    }
  }

  /** Where the next `count` bytes start. */
  #advance(count: number): number {
    const at = this.#at;
    if (count > this.#bytes.length - at) {
      throw new Error("Cannot read headers: their block is cut off");
    }
    this.#at += count;
    return at;
  }
}

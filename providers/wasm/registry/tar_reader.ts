/** One member of an archive that is read. */
export interface TarMember {
  /** As the archive has it: it may be hostile. */
  readonly path: string;
  /** `other` are devices, pipes and what nobody knows. */
  readonly kind: "file" | "directory" | "symlink" | "hardlink" | "other";
  /** Where a link leads; empty for all else. */
  readonly target: string;
  readonly mode: number;
  readonly sizeBytes: number;
  /** Its bytes, once, before the next member is asked for; what is not read is passed over. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** Of records about the next file, of which there are four kinds. */
const mostInARow = 8;

const blockBytes = 512;
/** Longest name, and longest set of pax records, that is read. */
const maxTextBytes = 64 * 1024;

/** Reads a tar archive: ustar, pax and GNU. Throws a `TypeError` for what is none. */
export async function* readTar(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<TarMember> {
  const source = new ByteSource(chunks);
  try {
    yield* members(source);
  } finally {
    // An archive ends before its bytes do.
    await source.end();
  }
}

async function* members(source: ByteSource): AsyncGenerator<TarMember> {
  let known: Readonly<Record<string, string>> = {};
  let inARow = 0;
  for (;;) {
    const block = await source.take(blockBytes);
    if (block === undefined || block.every((byte) => byte === 0)) return;
    checkSum(block);
    const type = String.fromCharCode(block[156] ?? 0);
    const sizeBytes = known["size"] === undefined
      ? number(block, 124, 12)
      : Number(known["size"]);
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
      throw damaged("a size that is no number");
    }
    const padding = (blockBytes - sizeBytes % blockBytes) % blockBytes;
    if ("xgLK".includes(type)) {
      if (++inARow > mostInARow) throw damaged("names without end");
      if (sizeBytes > maxTextBytes) throw damaged("a name without end");
      const bytes = await source.take(sizeBytes) ?? throwDamaged("no end");
      await source.skip(padding);
      if (type === "x") known = { ...known, ...paxRecords(bytes) };
      if (type === "L") known = { ...known, path: cString(bytes) };
      if (type === "K") known = { ...known, linkpath: cString(bytes) };
      continue;
    }
    const content = source.part(hasContent(type) ? sizeBytes : 0);
    yield {
      path: known["path"] ?? ustarPath(block),
      kind: kindOf(type),
      target: known["linkpath"] ?? cString(block.subarray(157, 257)),
      mode: number(block, 100, 8) & 0o7777,
      sizeBytes: hasContent(type) ? sizeBytes : 0,
      content,
    };
    for await (const _ of content);
    if (hasContent(type)) await source.skip(padding);
    known = {};
    inARow = 0;
  }
}

function kindOf(type: string): TarMember["kind"] {
  switch (type) {
    case "0":
    case "\0":
    case "7":
      return "file";
    case "1":
      return "hardlink";
    case "2":
      return "symlink";
    case "5":
      return "directory";
  }
  return "other";
}

/** Links, devices and directories have no bytes, whatever their header says. */
function hasContent(type: string): boolean {
  return !"123456".includes(type);
}

function ustarPath(block: Uint8Array): string {
  const name = cString(block.subarray(0, 100));
  const isUstar = cString(block.subarray(257, 262)) === "ustar" &&
    block[262] === 0; // GNU's own format has times there.
  const prefix = isUstar ? cString(block.subarray(345, 500)) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** Octal digits, or GNU's big-endian bytes behind a set top bit. */
function number(block: Uint8Array, at: number, length: number): number {
  const field = block.subarray(at, at + length);
  if (((field[0] ?? 0) & 0x80) !== 0) {
    return field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
  }
  const text = cString(field).trim();
  if (text === "") return 0;
  return /^[0-7]+$/.test(text) ? parseInt(text, 8) : NaN;
}

function checkSum(block: Uint8Array): void {
  const sum = block.reduce(
    (total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte),
    0,
  );
  if (number(block, 148, 8) !== sum) throw damaged("a header that is none");
}

function paxRecords(bytes: Uint8Array): Readonly<Record<string, string>> {
  const records: Record<string, string> = {};
  let rest = bytes;
  while (rest.length > 0) {
    const [, digits = ""] = /^(\d{1,6}) /.exec(cString(rest.subarray(0, 8))) ??
      [];
    const length = Number(digits);
    if (length <= digits.length + 1 || length > rest.length) {
      throw damaged("a pax record that is none");
    }
    const text = new TextDecoder().decode(
      rest.subarray(digits.length + 1, length - 1),
    );
    const equals = text.indexOf("=");
    const key = text.slice(0, Math.max(0, equals));
    if (["path", "linkpath", "size"].includes(key)) {
      records[key] = text.slice(equals + 1);
    }
    rest = rest.subarray(length);
  }
  return records;
}

function cString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function damaged(what: string): TypeError {
  return new TypeError(`its archive is damaged: it has ${what}`);
}

function throwDamaged(what: string): never {
  throw damaged(what);
}

/** Bytes in the portions that are asked for. */
class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Exactly so many bytes; undefined at the end. */
  async take(count: number): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(count);
    let filled = 0;
    while (filled < count) {
      const some = await this.some(count - filled);
      if (some === undefined) {
        if (filled === 0) return undefined;
        throw damaged("no end");
      }
      bytes.set(some, filled);
      filled += some.length;
    }
    return bytes;
  }

  /** Lets go of where the bytes come from. */
  async end(): Promise<void> {
    await this.#chunks.return?.();
  }

  async skip(count: number): Promise<void> {
    for await (const _ of this.part(count));
  }

  async *part(count: number): AsyncGenerator<Uint8Array> {
    for (let left = count; left > 0;) {
      const some = await this.some(left);
      if (some === undefined) throw damaged("no end");
      left -= some.length;
      yield some;
    }
  }

  async some(most: number): Promise<Uint8Array | undefined> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done) return undefined;
      this.#rest = next.value;
    }
    const some = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(some.length);
    return some;
  }
}

/** One member of a tar archive. `path` is relative, with `/`; a directory's may end with it. */
export type TarEntry =
  & {
    readonly path: string;
    /** Permission bits, such as 0o644. */
    readonly mode: number;
    /** Root unless given. */
    readonly uid?: number;
    readonly gid?: number;
    /** The start of 1970 unless given: equal content makes equal archives. */
    readonly modifiedAt?: Date;
  }
  & (
    | { readonly kind: "file"; readonly content: Uint8Array | TarContent }
    | { readonly kind: "directory" }
    | { readonly kind: "symlink"; readonly target: string }
  );

/** The content of a file that is not in memory: exactly `size` bytes. */
export interface TarContent {
  readonly size: number;
  readonly stream: ReadableStream<Uint8Array>;
}

/** A tar archive in memory. Files that are streams are a `TypeError`. */
export function tarBytes(
  entries: Iterable<TarEntry>,
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    if (entry.kind === "file" && !(entry.content instanceof Uint8Array)) {
      throw new TypeError(`Cannot put a stream in memory: "${entry.path}"`);
    }
    parts.push(...headers(entry));
    if (entry.kind !== "file" || !(entry.content instanceof Uint8Array)) {
      continue;
    }
    parts.push(entry.content, padding(entry.content.length));
  }
  parts.push(endOfArchive());
  const archive = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const part of parts) {
    archive.set(part, at);
    at += part.length;
  }
  return archive;
}

/**
 * A tar archive as a stream; entries are taken as it is read.
 *
 * The format is ustar, with GNU's extensions for what does not fit it (long names, large numbers):
 * unlike pax headers, all of GNU tar, busybox, bsdtar and the engines understand them.
 */
export function tarStream(
  entries: AsyncIterable<TarEntry> | Iterable<TarEntry>,
): ReadableStream<Uint8Array> {
  return ReadableStream.from(chunks(entries));
}

async function* chunks(
  entries: AsyncIterable<TarEntry> | Iterable<TarEntry>,
): AsyncGenerator<Uint8Array> {
  for await (const entry of entries) {
    yield* headers(entry);
    if (entry.kind !== "file") continue;
    if (entry.content instanceof Uint8Array) {
      if (entry.content.length > 0) yield entry.content;
    } else {
      yield* exactly(entry.content, entry.path);
    }
    const rest = padding(sizeOf(entry));
    if (rest.length > 0) yield rest;
  }
  yield endOfArchive();
}

async function* exactly(
  { size, stream }: TarContent,
  path: string,
): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const chunk of stream) {
    seen += chunk.length;
    if (seen > size) break;
    yield chunk;
  }
  if (seen !== size) {
    const how = seen > size ? "more" : "less";
    throw new Error(
      `Cannot archive "${path}": it has ${how} than ${size} bytes`,
    );
  }
}

function sizeOf(entry: TarEntry): number {
  if (entry.kind !== "file") return 0;
  const { content } = entry;
  return content instanceof Uint8Array ? content.length : content.size;
}

/** The entry's header, after those that carry what has no room in it. */
function headers(entry: TarEntry): readonly Uint8Array[] {
  const path = new TextEncoder().encode(
    entry.kind === "directory"
      ? entry.path.replace(/\/*$/, "/")
      : checkedPath(entry.path),
  );
  const target = new TextEncoder().encode(
    entry.kind === "symlink" ? checkedPath(entry.target) : "",
  );
  const name = split(path);
  return [
    ...(name === undefined ? longText("L", path) : []),
    ...(target.length > nameBytes ? longText("K", target) : []),
    header({
      ...(name ?? { name: path.subarray(0, nameBytes), prefix: noBytes }),
      type: entryType(entry),
      target: target.subarray(0, nameBytes),
      size: sizeOf(entry),
      mode: entry.mode,
      uid: entry.uid ?? 0,
      gid: entry.gid ?? 0,
      seconds: Math.floor((entry.modifiedAt?.getTime() ?? 0) / 1000),
    }),
  ];
}

function checkedPath(path: string): string {
  if (path !== "" && !path.includes("\0")) return path;
  throw new RangeError(`Cannot archive a file with the name "${path}"`);
}

function entryType({ kind }: TarEntry): string {
  switch (kind) {
    case "file":
      return "0";
    case "symlink":
      return "2";
    case "directory":
      return "5";
  }
}

const blockBytes = 512;
const nameBytes = 100;
const prefixBytes = 155;
const noBytes = new Uint8Array();

/** The path in the two fields that ustar has for it; undefined if it does not fit. */
function split(
  path: Uint8Array,
): { readonly name: Uint8Array; readonly prefix: Uint8Array } | undefined {
  if (path.length <= nameBytes) return { name: path, prefix: noBytes };
  const slash = path.indexOf("/".charCodeAt(0), path.length - nameBytes - 1);
  if (slash <= 0 || slash > prefixBytes || slash >= path.length - 1) {
    return undefined;
  }
  return { name: path.subarray(slash + 1), prefix: path.subarray(0, slash) };
}

/** A member that only says the name (`L`) or the target (`K`) of the one after it. */
function longText(type: string, text: Uint8Array): readonly Uint8Array[] {
  const size = text.length + 1;
  const content = new Uint8Array(size + padding(size).length);
  content.set(text);
  const name = new TextEncoder().encode("././@LongLink");
  const fields = { mode: 0, uid: 0, gid: 0, seconds: 0 };
  return [
    header({ name, prefix: noBytes, target: noBytes, type, size, ...fields }),
    content,
  ];
}

function header(
  { name, prefix, target, type, size, mode, uid, gid, seconds }: {
    readonly name: Uint8Array;
    readonly prefix: Uint8Array;
    readonly target: Uint8Array;
    readonly type: string;
    readonly size: number;
    readonly mode: number;
    readonly uid: number;
    readonly gid: number;
    readonly seconds: number;
  },
): Uint8Array {
  const block = new Uint8Array(blockBytes);
  block.set(name, 0);
  putNumber(block, mode & 0o7777, { at: 100, length: 8 });
  putNumber(block, uid, { at: 108, length: 8 });
  putNumber(block, gid, { at: 116, length: 8 });
  putNumber(block, size, { at: 124, length: 12 });
  putNumber(block, seconds, { at: 136, length: 12 });
  putText(block, " ".repeat(8), 148);
  putText(block, type, 156);
  block.set(target, 157);
  putText(block, "ustar\x0000", 257);
  block.set(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  putText(block, `${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** In octal digits; where they do not fit, GNU's big-endian bytes with the top bit set. */
function putNumber(
  block: Uint8Array,
  value: number,
  { at, length }: { readonly at: number; readonly length: number },
): void {
  const digits = value.toString(8).padStart(length - 1, "0");
  if (digits.length < length) return putText(block, `${digits}\0`, at);
  let rest = value;
  for (let i = at + length - 1; i > at; i--) {
    block[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  block[at] = 0x80;
}

function putText(block: Uint8Array, text: string, at: number): void {
  block.set(new TextEncoder().encode(text), at);
}

function padding(size: number): Uint8Array {
  return new Uint8Array((blockBytes - size % blockBytes) % blockBytes);
}

function endOfArchive(): Uint8Array {
  return new Uint8Array(2 * blockBytes);
}

import { type LogStream, parseRecord } from "./log_line.ts";

const newline = 0x0a;
const blockBytes = 64 * 1024;

/** A place in the files of a log: the file's index, and the offset in it. */
export interface LogPosition {
  readonly file: number;
  readonly offset: number;
}

/**
 * Where the last `lines` lines of a log begin, found from its end; `stream` counts only its lines.
 *
 * A line in several records counts once, and a last line without an end counts too.
 */
export async function findTail(
  files: readonly Deno.FsFile[],
  { lines, stream }: { readonly lines: number; readonly stream?: LogStream },
): Promise<LogPosition> {
  let left = lines;
  let newest = true;
  for (let file = files.length - 1; file >= 0; file--) {
    const records = recordsFromEnd(files[file] as Deno.FsFile);
    for await (const { buffer, start, end, offset } of records) {
      if (lines === 0) return { file, offset: offset + end + 1 - start };
      const head = parseRecord(buffer, start, end);
      if (head === undefined) continue;
      if (stream !== undefined && head.stream !== stream) continue;
      if (!head.full && !newest) continue;
      newest = false;
      if (left-- === 0) return { file, offset: offset + end + 1 - start };
    }
  }
  return { file: 0, offset: 0 };
}

interface RecordPlace {
  readonly buffer: Uint8Array;
  /** Where the record starts in `buffer`. */
  readonly start: number;
  /** Where its newline is in `buffer`. */
  readonly end: number;
  /** Where the record starts in the file. */
  readonly offset: number;
}

/** The complete records of a file, last first, reading no more of it than is asked for. */
async function* recordsFromEnd(
  file: Deno.FsFile,
): AsyncGenerator<RecordPlace> {
  let windowEnd = (await file.stat()).size;
  let windowStart = windowEnd;
  /** Whether the window ends in a newline, which ends a record whose start is not found yet. */
  let closed = false;
  while (windowStart > 0) {
    windowStart = Math.max(0, windowStart - blockBytes);
    const buffer = await readAt(file, windowStart, windowEnd - windowStart);
    let end = closed ? buffer.length - 1 : buffer.lastIndexOf(newline);
    while (end !== -1) {
      const before = end === 0 ? -1 : buffer.lastIndexOf(newline, end - 1);
      if (before === -1 && windowStart > 0) break;
      yield {
        buffer,
        start: before + 1,
        end,
        offset: windowStart + before + 1,
      };
      end = before;
    }
    if (end === -1) continue;
    closed = true;
    windowEnd = windowStart + end + 1;
  }
}

async function readAt(
  file: Deno.FsFile,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const buffer = new Uint8Array(length);
  await file.seek(offset, Deno.SeekMode.Start);
  for (let at = 0; at < length;) {
    const read = await file.read(buffer.subarray(at));
    if (read === null) return buffer.subarray(0, at);
    at += read;
  }
  return buffer;
}

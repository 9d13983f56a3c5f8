import { type LogStream, parseRecord } from "../log_line.ts";
import { blockBytes } from "./log_session.ts";

const newline = 0x0a;

/** A file of records that can be looked into. */
export interface RecordFile {
  /** Bytes that are there. */
  readonly size: number;
  /** Reads from a block of {@linkcode blockBytes} on. */
  part(block: number, length: number): Promise<Uint8Array>;
}

/** Where to begin to read. */
export interface LogStart {
  readonly block: number;
  /** Bytes to leave out from there on; a record begins after them. */
  readonly skip: number;
}

const fromTheStart: LogStart = { block: 0, skip: 0 };
const firstWindow = 16 * blockBytes;
const growth = 8;

/**
 * Where the last `lines` lines begin; `stream` counts only its lines. A line in several records
 * counts once, and a last line without an end counts too.
 */
export async function lastLines(
  file: RecordFile,
  { lines, stream }: { readonly lines: number; readonly stream?: LogStream },
): Promise<LogStart> {
  if (lines === 0) return startAt(file.size);
  for (let window = firstWindow;; window *= growth) {
    const block = Math.max(0, Math.floor((file.size - window) / blockBytes));
    const offset = block * blockBytes;
    const bytes = await file.part(block, file.size - offset);
    const found = beginOfLast(bytes, lines, stream, offset === 0);
    if (found !== undefined) return startAt(offset + found);
    if (offset === 0) return fromTheStart;
  }
}

/**
 * A place before the first record at or after `since`, and not far from it: records are in the
 * order of their times.
 */
export async function notLongBefore(
  file: RecordFile,
  since: Date,
): Promise<LogStart> {
  let low = 0;
  let high = Math.floor(file.size / blockBytes);
  // A record, which is a few blocks long at most, begins in every window.
  while (high - low > firstWindow / blockBytes) {
    const middle = Math.floor((low + high) / 2);
    const length = Math.min(firstWindow, file.size - middle * blockBytes);
    const at = firstTime(await file.part(middle, length));
    if (at !== undefined && at < since.getTime()) low = middle;
    else high = middle;
  }
  if (low === 0) return fromTheStart;
  const length = Math.min(firstWindow, file.size - low * blockBytes);
  const begin = (await file.part(low, length)).indexOf(newline) + 1;
  return { block: low, skip: begin };
}

function startAt(offset: number): LogStart {
  const block = Math.floor(offset / blockBytes);
  return { block, skip: offset - block * blockBytes };
}

/** Where in `bytes` the last lines begin; undefined when they begin before. */
function beginOfLast(
  bytes: Uint8Array,
  lines: number,
  stream: LogStream | undefined,
  whole: boolean,
): number | undefined {
  let left = lines;
  let newest = true;
  for (let end = bytes.lastIndexOf(newline); end !== -1;) {
    const before = end === 0 ? -1 : bytes.lastIndexOf(newline, end - 1);
    if (before === -1 && !whole) return undefined;
    const head = parseRecord(bytes, before + 1, end);
    if (
      head !== undefined && (stream === undefined || head.stream === stream)
    ) {
      if (head.full || newest) {
        newest = false;
        if (left-- === 0) return end + 1;
      }
    }
    end = before;
  }
  return undefined;
}

/** The time of the first record that begins after the start of `bytes`, in milliseconds. */
function firstTime(bytes: Uint8Array): number | undefined {
  for (let end = bytes.indexOf(newline); end !== -1;) {
    const next = bytes.indexOf(newline, end + 1);
    if (next === -1) return undefined;
    const time = parseRecord(bytes, end + 1, next)?.at().getTime();
    if (time !== undefined && !Number.isNaN(time)) return time;
    end = next;
  }
  return undefined;
}

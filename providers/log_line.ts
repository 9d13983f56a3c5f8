/** The two streams that a container's log tells apart. */
export type LogStream = "stdout" | "stderr";

/** Longest text of one record, in bytes, as containerd's `max_container_log_line_size`. */
export const longestText = 16_384;

const newline = 0x0a;
const space = 0x20;
const full = 0x46;
const partial = 0x50;
/** The parts of the heads that {@linkcode RecordCutter} writes, in bytes. */
export const ownHead = {
  /** `2026-01-31T12:00:00.123000000Z` */
  time: 30,
  /** The time, ` stdout`, ` F` and a space. */
  length: 40,
} as const;

/**
 * Cuts the output of one stream into records of the CRI log format, `TIME STREAM F|P TEXT`.
 *
 * A line longer than {@linkcode longestText} becomes several records, all but the last tagged P.
 */
export class RecordCutter {
  readonly #stream: LogStream;
  /** The begin of a line whose end was not written yet. */
  readonly #pending = new Uint8Array(longestText);
  #pendingLength = 0;

  constructor(stream: LogStream) {
    this.#stream = stream;
  }

  /** The records that `chunk` completes, in one piece; empty when it completes none. */
  cut(chunk: Uint8Array, at: Date): Uint8Array<ArrayBuffer> {
    const heads = recordHeads(this.#stream, at);
    const out = new Uint8Array(this.#bound(chunk));
    let used = 0;
    for (let start = 0; start < chunk.length;) {
      const end = chunk.indexOf(newline, start);
      const lineEnd = end === -1 ? chunk.length : end;
      while (this.#pendingLength + lineEnd - start > longestText) {
        const taken = longestText - this.#pendingLength;
        used = this.#put(out, used, heads.partial);
        out.set(chunk.subarray(start, start + taken), used);
        used += taken;
        out[used++] = newline;
        start += taken;
      }
      if (end === -1) {
        this.#pending.set(chunk.subarray(start), this.#pendingLength);
        this.#pendingLength += chunk.length - start;
        break;
      }
      used = this.#put(out, used, heads.full);
      out.set(chunk.subarray(start, end + 1), used);
      used += end + 1 - start;
      start = end + 1;
    }
    return out.subarray(0, used);
  }

  /** The record of a last line without an end, if there is one; the stream is over. */
  end(at: Date): Uint8Array<ArrayBuffer> {
    if (this.#pendingLength === 0) return new Uint8Array();
    const out = new Uint8Array(ownHead.length + this.#pendingLength + 1);
    const used = this.#put(out, 0, recordHeads(this.#stream, at).partial);
    out[used] = newline;
    return out;
  }

  /** Writes a record's head and the text kept from earlier chunks. */
  #put(out: Uint8Array, used: number, head: Uint8Array): number {
    out.set(head, used);
    out.set(
      this.#pending.subarray(0, this.#pendingLength),
      used + ownHead.length,
    );
    const length = this.#pendingLength;
    this.#pendingLength = 0;
    return used + ownHead.length + length;
  }

  #bound(chunk: Uint8Array): number {
    let records = 1;
    for (
      let at = chunk.indexOf(newline);
      at !== -1;
      at = chunk.indexOf(newline, at + 1)
    ) records++;
    const text = this.#pendingLength + chunk.length;
    records += Math.ceil(text / longestText);
    return text + records * (ownHead.length + 1);
  }
}

/** What a record of the CRI log format says about its text. */
export interface RecordHead {
  readonly stream: LogStream;
  /** Whether the text is, or ends, a line. */
  readonly full: boolean;
  /** Where the text starts in the buffer. */
  readonly text: number;
  readonly timeLength: number;
  at(): Date;
}

/** Reads the record in `buffer` from `start` to the newline at `end`; undefined if it is none. */
export function parseRecord(
  buffer: Uint8Array,
  start: number,
  end: number,
): RecordHead | undefined {
  const first = buffer.indexOf(space, start);
  const second = first === -1 ? -1 : buffer.indexOf(space, first + 1);
  const third = second === -1 ? -1 : buffer.indexOf(space, second + 1);
  if (third === -1 || third > end) return undefined;
  const tag = buffer[second + 1];
  if (tag !== full && tag !== partial) return undefined;
  const stream = new TextDecoder().decode(buffer.subarray(first + 1, second));
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  const time = buffer.slice(start, first);
  return {
    stream,
    full: tag === full,
    text: third + 1,
    timeLength: first - start,
    at: () => new Date(new TextDecoder().decode(time)),
  };
}

function recordHeads(stream: LogStream, at: Date) {
  const time = new TextDecoder().decode(recordTime(at));
  const encoder = new TextEncoder();
  return {
    full: encoder.encode(`${time} ${stream} F `),
    partial: encoder.encode(`${time} ${stream} P `),
  };
}

/** RFC 3339 with nanoseconds, always {@linkcode ownHead}`.time` bytes long. */
export function recordTime(at: Date): Uint8Array {
  return new TextEncoder().encode(`${at.toISOString().slice(0, -1)}000000Z`);
}

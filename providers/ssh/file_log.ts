import type { AbortOptions } from "../../async/abort.ts";
import { RecordFilter } from "../record_filter.ts";
import type { LogOptions } from "../runtime.ts";
import type { Host } from "./host.ts";
import { LogSession } from "./log_session.ts";
import { lastLines, type LogStart, notLongBefore } from "./log_start.ts";

const newline = 0x0a;
/** Bytes; conmon writes what it has read at once, 8 KiB. */
const longestRecord = 1024 * 1024;

/** The file of a container's log on a host, in the CRI format. */
export interface LogFilePlace {
  readonly path: string;
  /** The container's process while it runs. */
  readonly pid?: number;
}

/**
 * Yields the lines of a log file that conmon writes, straight from the file. Yields `unreadable`,
 * and nothing else, when the file is not there or not for this user. The bytes may be overwritten
 * when the next ones are asked for.
 */
export async function* readFileLog(
  host: Host,
  { path, pid }: LogFilePlace,
  { follow, timestamps, tailLines, since, stream, limitBytes, signal }:
    & LogOptions
    & AbortOptions,
): AsyncGenerator<Uint8Array | "unreadable", void> {
  let left = limitBytes ?? Infinity;
  const atOnce = tailLines === undefined && since === undefined;
  await using session = await LogSession.open(host, {
    path,
    follow,
    atOnce,
    ...(pid === undefined ? {} : { pid }),
    signal,
  });
  const records = new WholeRecords();
  if (!atOnce) {
    const start = await startOf(session, { tailLines, since, stream });
    if (start === undefined) {
      yield "unreadable";
      return;
    }
    await session.from(start.block);
    records.skip(start.skip);
  }
  const filter = new RecordFilter({
    timestamps,
    ...(since === undefined ? {} : { since }),
    ...(stream === undefined ? {} : { stream }),
  });
  while (left > 0) {
    const chunk = await session.read();
    signal.throwIfAborted();
    if (chunk === "unreadable") yield chunk;
    if (typeof chunk === "string") return;
    const whole = records.add(chunk);
    if (whole.length === 0) continue;
    const { read, written } = filter.apply(whole, 0, whole.length, whole);
    if (read < whole.length) throw new RangeError("A record has grown");
    if (written === 0) continue;
    const text = whole.subarray(0, Math.min(written, left));
    left -= text.length;
    yield text;
  }
}

async function startOf(
  session: LogSession,
  { tailLines, since, stream }: {
    readonly tailLines: number | undefined;
    readonly since: Date | undefined;
    readonly stream: LogOptions["stream"];
  },
): Promise<LogStart | undefined> {
  const size = await session.size();
  if (size === undefined) return undefined;
  const file = {
    size,
    part: (block: number, length: number) => session.part(block, length),
  };
  if (tailLines !== undefined) {
    const wanted = stream === undefined ? {} : { stream };
    return await lastLines(file, { lines: tailLines, ...wanted });
  }
  return since === undefined
    ? { block: 0, skip: 0 }
    : await notLongBefore(file, since);
}

/** Cuts what comes at ends of records. */
export class WholeRecords {
  #rest: Uint8Array = new Uint8Array();
  #skip = 0;

  /** Leaves out the first bytes that come. */
  skip(bytes: number): void {
    this.#skip = bytes;
  }

  /** The records that the chunk completes, in memory of their own. */
  add(chunk: Uint8Array): Uint8Array {
    const skipped = Math.min(this.#skip, chunk.length);
    this.#skip -= skipped;
    const fresh = chunk.subarray(skipped);
    const end = fresh.lastIndexOf(newline) + 1;
    if (end === 0) {
      if (this.#rest.length > longestRecord) {
        throw new RangeError("Cannot read the log: a line of it has no end");
      }
      this.#rest = joined(this.#rest, fresh);
      return new Uint8Array();
    }
    const whole = joined(this.#rest, fresh.subarray(0, end));
    this.#rest = fresh.slice(end);
    return whole;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

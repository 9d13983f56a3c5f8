import type { AbortOptions } from "../../async/abort.ts";
import { RecordFilter } from "../record_filter.ts";
import type { LogOptions } from "../runtime.ts";
import { type LogFilePlace, WholeRecords } from "./file_log.ts";
import type { LogFileState, LogPoller } from "./log_poller.ts";
import { blockBytes } from "./log_session.ts";
import { lastLines, type LogStart, notLongBefore } from "./log_start.ts";

/** Looks after which a writer that leaves nothing but a trace of itself was killed. */
const patience = 20;
/** With so much new there is more by now: no pause before the next look. */
const busyBytes = 256 * 1024;

/**
 * Yields what `readFileLog()` yields, without a session of SSH to itself: new lines are seen up to a
 * second later.
 */
export async function* readPolledLog(
  poller: LogPoller,
  place: LogFilePlace,
  { follow, timestamps, tailLines, since, stream, limitBytes, signal }:
    & LogOptions
    & AbortOptions,
): AsyncGenerator<Uint8Array | "unreadable", void> {
  let state = await poller.look(place, { signal });
  if (state === undefined) {
    yield "unreadable";
    return;
  }
  const start = await startOf(poller, place, state, {
    tailLines,
    since,
    stream,
    signal,
  });
  const filter = new RecordFilter({
    timestamps,
    ...(since === undefined ? {} : { since }),
    ...(stream === undefined ? {} : { stream }),
  });
  let records = new WholeRecords();
  let offset = start.block * blockBytes + start.skip;
  let left = limitBytes ?? Infinity;
  for (let quiet = 0; left > 0;) {
    let fresh = 0;
    while (offset < state.size && left > 0) {
      const length = poller.share(state.size - offset);
      const bytes = await partAt(poller, place, state, {
        offset,
        length,
        signal,
      });
      if (bytes === undefined) break; // it was begun anew meanwhile
      fresh += bytes.length;
      offset += bytes.length;
      const whole = records.add(bytes);
      const { written } = filter.apply(whole, 0, whole.length, whole);
      if (written === 0) continue;
      const text = whole.subarray(0, Math.min(written, left));
      left -= text.length;
      yield text;
    }
    quiet = fresh > 0 ? 0 : quiet + 1;
    const over = state.writer === "gone" ||
      (state.writer === "ending" && quiet > patience);
    if (!follow || (over && offset >= state.size)) return;
    if (fresh < busyBytes) await poller.pause({ signal });
    const now = await poller.look(place, { signal });
    if (now === undefined) return; // removed with its container
    if (now.inode !== state.inode) {
      records = new WholeRecords();
      offset = 0;
    }
    state = now;
  }
}

async function startOf(
  poller: LogPoller,
  place: LogFilePlace,
  state: LogFileState,
  { tailLines, since, stream, signal }:
    & {
      readonly tailLines: number | undefined;
      readonly since: Date | undefined;
      readonly stream: LogOptions["stream"];
    }
    & AbortOptions,
): Promise<LogStart> {
  const { path } = place;
  const { inode, size } = state;
  const part = async (block: number, length: number) => {
    const found = await poller.part({ path, inode, block, length }, { signal });
    if (found !== undefined) return found;
    throw new Error("Cannot read a log: the file was begun anew");
  };
  if (tailLines !== undefined) {
    const wanted = stream === undefined ? {} : { stream };
    return await lastLines({ size, part }, { lines: tailLines, ...wanted });
  }
  return since === undefined
    ? { block: 0, skip: 0 }
    : await notLongBefore({ size, part }, since);
}

async function partAt(
  poller: LogPoller,
  { path }: LogFilePlace,
  { inode }: LogFileState,
  { offset, length, signal }:
    & { readonly offset: number; readonly length: number }
    & AbortOptions,
): Promise<Uint8Array | undefined> {
  const block = Math.floor(offset / blockBytes);
  const skip = offset - block * blockBytes;
  const part = await poller.part(
    { path, inode, block, length: length + skip },
    { signal },
  );
  return part?.subarray(skip);
}

import { abortable, type AbortOptions } from "../async/abort.ts";
import type { LiveLog } from "./log_file.ts";
import { RecordFilter } from "./log_line.ts";
import { OpenLog } from "./open_log.ts";
import type { LogOptions } from "./runtime.ts";

const chunkBytes = 256 * 1024;
const newline = 0x0a;

/** Options for {@linkcode readLogFile}: the caller has chosen the run, so not which one. */
export interface ReadLogOptions
  extends Omit<LogOptions, "previous">, AbortOptions {
  /** The writer of this log, while there is one; without it the files are taken as they are. */
  readonly live?: LiveLog;
}

/**
 * Reads a log in the CRI format: the file at `path` and the rotated ones beside it, oldest first.
 *
 * Following ends when the log has ended and all of it was read. The stream reads nothing before
 * it is asked to; it fails with `Deno.errors.NotFound` if there is no such log and with the
 * signal's reason on abort.
 */
export function readLogFile(
  path: string,
  { signal, ...options }: ReadLogOptions,
): ReadableStream<Uint8Array> {
  const stop = new AbortController();
  const lines = readLines(path, {
    ...options,
    signal: AbortSignal.any([signal, stop.signal]),
  });
  const abort = () => stop.abort(signal.reason);
  const close = () => signal.removeEventListener("abort", abort);
  return new ReadableStream<Uint8Array>({
    start(controller) {
      // Frees the files even if nobody reads any more.
      stop.signal.addEventListener("abort", () => {
        controller.error(stop.signal.reason);
        lines.return(undefined).catch(() => undefined); // The stream has failed already.
      }, { once: true });
      if (signal.aborted) return abort();
      signal.addEventListener("abort", abort, { once: true });
    },
    async pull(controller) {
      try {
        const { done, value } = await lines.next();
        if (stop.signal.aborted) return;
        if (!done) return controller.enqueue(value);
        close();
        controller.close();
      } catch (error) {
        if (stop.signal.aborted) return;
        close();
        controller.error(error);
      }
    },
    async cancel() {
      close();
      stop.abort();
      await lines.return(undefined);
    },
  }, { highWaterMark: 0 });
}

async function* readLines(
  path: string,
  options: ReadLogOptions,
): AsyncGenerator<Uint8Array, undefined> {
  let left = options.limitBytes ?? Infinity;
  const filter = new RecordFilter(options);
  for await (const { buffer, length } of readRecords(path, options)) {
    const { written } = filter.apply(buffer, length);
    const taken = Math.min(left, written);
    if (taken > 0) {
      yield isSmall(taken, buffer)
        ? buffer.slice(0, taken)
        : buffer.subarray(0, taken);
    }
    left -= taken;
    if (left <= 0) return;
  }
}

/** Pieces of the log that hold only complete records; the reader may overwrite them. */
async function* readRecords(
  path: string,
  { follow, live, tailLines, since, stream, signal }: ReadLogOptions,
): AsyncGenerator<{ readonly buffer: Uint8Array; readonly length: number }> {
  using files = await OpenLog.open(path, live);
  if (tailLines !== undefined) {
    await files.skipTo(await files.tail(tailLines, stream));
  }
  if (since !== undefined) await files.skipOlder(since);
  let buffer = new Uint8Array(chunkBytes);
  let filled = 0;
  for (;;) {
    signal.throwIfAborted();
    const ended = live?.ended ?? true;
    const changed = live?.changed();
    if (filled === buffer.length) buffer = grow(buffer);
    const read = await files.read(buffer.subarray(filled));
    if (read === null) {
      if (files.next()) {
        filled = 0; // Of a record that a crash cut off.
        continue;
      }
      if (!follow) return;
      if (await files.findNewer()) continue;
      if (ended || changed === undefined) return;
      await abortable(changed, { signal });
      continue;
    }
    filled += read;
    const end = buffer.lastIndexOf(newline, filled - 1) + 1;
    if (end === 0) continue;
    const rest = buffer.slice(end, filled);
    yield { buffer, length: end };
    if (!isSmall(end, buffer)) {
      buffer = new Uint8Array(Math.max(chunkBytes, rest.length));
    }
    buffer.set(rest);
    filled = rest.length;
  }
}

/** Whether to copy so many bytes out of the buffer rather than to give it away. */
function isSmall(length: number, buffer: Uint8Array): boolean {
  return length * 4 < buffer.length;
}

function grow(buffer: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(buffer.length * 2);
  larger.set(buffer);
  return larger;
}

import { abortable, type AbortOptions } from "../async/abort.ts";
import type { LiveLog } from "./log_file.ts";
import { OpenLog } from "./open_log.ts";
import { RecordFilter } from "./record_filter.ts";
import type { LogOptions } from "./runtime.ts";

/** How much is read at once: little at first, and more as long as there is more. */
const readBytes = { least: 32 * 1024, most: 256 * 1024 };
/** What a consumer without a buffer of its own gets at once. */
const chunkBytes = 64 * 1024;
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
 * Following ends when the log has ended and all of it was read. It is a byte stream, which fills
 * the buffers of a BYOB reader. It reads nothing before it is asked to; it fails with `Deno.errors.NotFound` if there is no such log and with the
 * signal's reason on abort.
 */
export function readLogFile(
  path: string,
  { signal, ...options }: ReadLogOptions,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const stop = new AbortController();
  const log = new LogText(path, {
    ...options,
    signal: AbortSignal.any([signal, stop.signal]),
  });
  const abort = () => stop.abort(signal.reason);
  const close = () => signal.removeEventListener("abort", abort);
  return new ReadableStream({
    type: "bytes",
    autoAllocateChunkSize: chunkBytes,
    start(controller) {
      // Frees the files even if nobody reads any more.
      stop.signal.addEventListener("abort", () => {
        controller.error(stop.signal.reason);
        log.close().catch(() => undefined); // The stream has failed already.
      }, { once: true });
      if (signal.aborted) return abort();
      signal.addEventListener("abort", abort, { once: true });
    },
    async pull(controller) {
      const { byobRequest } = controller;
      const view = byobRequest?.view;
      if (!byobRequest || !view) throw new TypeError("There is no buffer");
      const room = new Uint8Array(
        view.buffer,
        view.byteOffset,
        view.byteLength,
      );
      try {
        const written = await log.fill(room);
        if (stop.signal.aborted) return;
        if (written === 0) {
          close();
          controller.close();
        }
        byobRequest.respond(written);
      } catch (error) {
        if (stop.signal.aborted) return;
        close();
        controller.error(error);
      }
    },
    async cancel() {
      close();
      stop.abort();
      await log.close();
    },
  }, { highWaterMark: 0 });
}

/** The lines of a log, one buffer after the other. */
class LogText {
  readonly #filter: RecordFilter;
  readonly #pieces: AsyncGenerator<RecordPiece, undefined>;
  #left: number;
  #piece: RecordPiece = { buffer: new Uint8Array(), end: 0 };
  #at = 0;

  constructor(path: string, options: ReadLogOptions & AbortOptions) {
    this.#filter = new RecordFilter(options);
    this.#pieces = readRecords(path, options);
    this.#left = options.limitBytes ?? Infinity;
  }

  /** Writes some of the text to the start of `room` and resolves how much; 0 at the end. */
  async fill(room: Uint8Array): Promise<number> {
    const output = room.subarray(0, Math.min(room.length, this.#left));
    while (output.length > 0) {
      const { buffer, end } = this.#piece;
      const from = this.#at;
      const { read, written } = this.#filter.apply(buffer, from, end, output);
      this.#at = read;
      if (written > 0) {
        this.#left -= written;
        return written;
      }
      const { done, value } = await this.#pieces.next();
      if (done) return 0;
      this.#piece = value;
      this.#at = 0;
    }
    await this.close();
    return 0;
  }

  async close(): Promise<void> {
    await this.#pieces.return(undefined);
  }
}

/** A part of the log that holds only complete records, up to `end`. */
interface RecordPiece {
  readonly buffer: Uint8Array;
  readonly end: number;
}

/** The log in pieces, each of them good until the next one is asked for. */
async function* readRecords(
  path: string,
  { follow, live, tailLines, since, stream, signal }: ReadLogOptions,
): AsyncGenerator<RecordPiece, undefined> {
  using files = await OpenLog.open(path, live);
  if (tailLines !== undefined) {
    await files.skipTo(await files.tail(tailLines, stream));
  }
  if (since !== undefined) await files.skipOlder(since);
  using reads = new ReadAhead(files);
  for (;;) {
    signal.throwIfAborted();
    const ended = live?.ended ?? true;
    const changed = live?.changed();
    const piece = await reads.next();
    if (piece !== undefined) {
      if (piece.end > 0) yield piece;
      continue;
    }
    if (files.next()) {
      reads.forget(); // Of a record that a crash cut off.
      continue;
    }
    if (!follow) return;
    if (await files.findNewer()) continue;
    if (ended || changed === undefined) return;
    await abortable(changed, { signal });
  }
}

/**
 * Reads a file piece by piece; while one is worked on, the next one is read already, as long as
 * there is much to read.
 */
class ReadAhead implements Disposable {
  readonly #files: OpenLog;
  #size = readBytes.least;
  /** What is filled now, and what was given away last. */
  #buffers: readonly [Uint8Array, Uint8Array] = [
    new Uint8Array(readBytes.least),
    new Uint8Array(),
  ];
  /** The begin of a record in the first buffer. */
  #kept = 0;
  #reading: Promise<number | null> | undefined;

  constructor(files: OpenLog) {
    this.#files = files;
  }

  /** The complete records of the next read; undefined at the end of the file. */
  async next(): Promise<RecordPiece | undefined> {
    const [buffer, spare] = this.#buffers;
    this.#reading ??= this.#read(buffer);
    const count = await this.#reading;
    this.#reading = undefined;
    if (count === null) return undefined;
    const filled = this.#kept + count;
    const end = buffer.lastIndexOf(newline, filled - 1) + 1;
    const full = filled === buffer.length;
    if (full) this.#size = Math.min(this.#size * 2, readBytes.most);
    const rest = filled - end;
    const needed = Math.max(this.#size, rest * 2);
    const next = spare.length < needed ? new Uint8Array(needed) : spare;
    next.set(buffer.subarray(end, filled));
    this.#kept = rest;
    this.#buffers = [next, buffer];
    if (full) this.#reading = this.#read(next);
    return { buffer, end };
  }

  /** Drops the begin of a record that will not be completed. */
  forget(): void {
    this.#kept = 0;
  }

  [Symbol.dispose](): void {
    this.#reading?.catch(() => undefined); // Its file is closed, and nobody waits for it.
  }

  #read(buffer: Uint8Array): Promise<number | null> {
    return this.#files.read(buffer.subarray(this.#kept));
  }
}

import { Buffer } from "node:buffer";
import { ChangeFeed } from "../async/change_feed.ts";
import type { AbortOptions } from "../async/abort.ts";
import type { LogOptions } from "./runtime.ts";

interface Line {
  readonly at: Date;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
  readonly bytes: number;
}

const maxLines = 10_000;

const maxBytes = 16 * 2 ** 20;

/** Where a line is cut that does not end, in characters. */
const longestLine = 65536;

/** A container's log in memory: the last ten thousand lines, or 16 MiB if that is less. */
export class ProgramLog {
  readonly #lines: Line[] = [];
  readonly #feed = new ChangeFeed<"log">();
  /** The beginning of a line whose end has not been written. */
  readonly #rest = { stdout: "", stderr: "" };
  #dropped = 0;
  #bytes = 0;
  #ended = false;

  /** How much of the log is kept, in bytes. */
  get byteLength(): number {
    return this.#bytes;
  }

  /** Adds text, of any number of lines; the last one need not be whole. */
  append(stream: "stdout" | "stderr", text: string): void {
    const lines = (this.#rest[stream] + text).split(/(?<=\n)/);
    this.#rest[stream] = lines.at(-1)?.endsWith("\n") ? "" : lines.pop() ?? "";
    if (this.#rest[stream].length > longestLine) {
      lines.push(this.#rest[stream]);
      this.#rest[stream] = "";
    }
    for (const line of lines) this.#add(stream, line);
    this.#feed.notify("log");
  }

  /** Says that nothing follows: those who follow the log come to its end. */
  end(): void {
    for (const stream of ["stdout", "stderr"] as const) {
      if (this.#rest[stream] !== "") this.#add(stream, this.#rest[stream]);
    }
    this.#ended = true;
    this.#feed.notify("log");
  }

  /** Reads the log as the options say. */
  read(options: LogOptions & AbortOptions): ReadableStream<Uint8Array> {
    return ReadableStream.from(limited(this.#texts(options), options))
      .pipeThrough(new TextEncoderStream());
  }

  #add(stream: "stdout" | "stderr", text: string): void {
    const bytes = Buffer.byteLength(text);
    this.#lines.push({ at: new Date(), stream, text, bytes });
    this.#bytes += bytes;
    while (this.#lines.length > maxLines || this.#bytes > maxBytes) {
      this.#bytes -= this.#lines.shift()?.bytes ?? 0;
      this.#dropped += 1;
    }
  }

  async *#texts(options: LogOptions & AbortOptions): AsyncGenerator<string> {
    const matching = this.#lines.filter((line) => matches(line, options));
    const { tailLines } = options;
    const first = tailLines === undefined
      ? matching
      : matching.slice(Math.max(0, matching.length - tailLines));
    let next = this.#dropped + this.#lines.length;
    for (const line of first) yield render(line, options);
    if (!options.follow) return;
    const wake = this.#feed.changes(options, () => ["log"]);
    for await (const _ of wake) {
      const ended = this.#ended;
      const fresh = this.#lines.slice(Math.max(0, next - this.#dropped));
      next = this.#dropped + this.#lines.length;
      for (const line of fresh) {
        if (matches(line, options)) yield render(line, options);
      }
      if (ended) return;
    }
  }
}

function matches({ at, stream }: Line, options: LogOptions): boolean {
  return (options.stream ?? stream) === stream &&
    (options.since === undefined || at >= options.since);
}

function render({ at, text }: Line, { timestamps }: LogOptions): string {
  if (!timestamps) return text;
  return `${at.toISOString().replace("Z", "000000Z")} ${text}`;
}

/** Cuts after `limitBytes`, in bytes of UTF-8. */
async function* limited(
  texts: AsyncIterable<string>,
  { limitBytes = Infinity }: LogOptions,
): AsyncGenerator<string> {
  let left = limitBytes;
  for await (const text of texts) {
    const bytes = new TextEncoder().encode(text);
    if (bytes.length >= left) {
      yield new TextDecoder().decode(bytes.subarray(0, left));
      return;
    }
    left -= bytes.length;
    yield text;
  }
}

import type { ByteStream } from "../../../async/byte_stream.ts";
import { UnreachableError } from "../../errors.ts";

/** Takes what one of the two outputs brought; the bytes may be overwritten once it has resolved. */
export type FrameSink = (bytes: Uint8Array) => Promise<void>;

/** A piece of one of the two outputs. */
export interface FramePiece {
  readonly stream: "stdout" | "stderr";
  /** A part of the chunk that was taken apart. */
  readonly bytes: Uint8Array;
  /** Whether a frame begins with it: engines put a log line's time there. */
  readonly first: boolean;
}

const headerBytes = 8;

/**
 * Takes apart what an engine frames for containers without a terminal: 8 bytes of which the first
 * is 1 or 2 and the last four are the length, then so much of standard output or standard error.
 */
export class FrameReader {
  readonly #header = new Uint8Array(headerBytes);
  readonly #view = new DataView(this.#header.buffer);
  #filled = 0;
  #left = 0;
  #stream: FramePiece["stream"] = "stdout";

  /** Whether nothing of a frame is missing. */
  get whole(): boolean {
    return this.#left === 0 && this.#filled === 0;
  }

  /** What a chunk of the connection holds; no piece is empty. */
  *read(chunk: Uint8Array): Generator<FramePiece> {
    for (let at = 0; at < chunk.length;) {
      let first = false;
      if (this.#left === 0) {
        const taken = chunk.subarray(at, at + headerBytes - this.#filled);
        this.#header.set(taken, this.#filled);
        this.#filled += taken.length;
        at += taken.length;
        if (this.#filled < headerBytes) return;
        this.#filled = 0;
        this.#left = this.#view.getUint32(4);
        this.#stream = this.#header[0] === 2 ? "stderr" : "stdout";
        first = true;
      }
      const bytes = chunk.subarray(at, at + this.#left);
      at += bytes.length;
      this.#left -= bytes.length;
      if (bytes.length > 0) yield { stream: this.#stream, bytes, first };
    }
  }
}

/**
 * Gives each output of a container to its sink, until the end. A slow sink slows the engine down.
 * Rejects with an `UnreachableError` when the connection ends inside a frame.
 */
export async function demultiplex(
  source: Pick<ByteStream, "read">,
  sinks: Readonly<Record<FramePiece["stream"], FrameSink>>,
): Promise<void> {
  const frames = new FrameReader();
  for (;;) {
    const chunk = await source.read();
    if (chunk === undefined) break;
    // A frame is a line or less: those of one output are given together.
    const packed = new Uint8Array(chunk.length);
    let filled = 0;
    let given = 0;
    let stream: FramePiece["stream"] = "stdout";
    for (const piece of frames.read(chunk)) {
      if (piece.stream !== stream) {
        if (filled > given) {
          await sinks[stream](packed.subarray(given, filled));
        }
        given = filled;
        stream = piece.stream;
      }
      packed.set(piece.bytes, filled);
      filled += piece.bytes.length;
    }
    if (filled > given) await sinks[stream](packed.subarray(given, filled));
  }
  if (!frames.whole) {
    throw new UnreachableError(
      "Cannot read the output of a container: the connection was lost",
    );
  }
}

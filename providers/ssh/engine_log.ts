import type { AbortOptions } from "../../async/abort.ts";
import type { LogOptions } from "../runtime.ts";
import type { ContainerInspect } from "./engine/api_types.ts";
import { FrameReader } from "./engine/demultiplex.ts";
import type { EngineClient } from "./engine/engine_client.ts";

const newline = 0x0a;
const space = 0x20;

/**
 * The log of a container as its engine tells it. Times are as exact as the engine has them. The
 * bytes may be overwritten when the next ones are asked for.
 */
export async function* readEngineLog(
  engine: Pick<EngineClient, "containerLogs">,
  { Id: id, Config }: ContainerInspect,
  { follow, timestamps, tailLines, since, stream, limitBytes, signal }:
    & LogOptions
    & AbortOptions,
): AsyncGenerator<Uint8Array, void> {
  const tty = Config.Tty ?? false;
  let left = limitBytes ?? Infinity;
  if (left === 0) return;
  const raw = await engine.containerLogs(id, {
    follow,
    timestamps,
    stdout: stream !== "stderr",
    stderr: stream !== "stdout",
    ...(tailLines === undefined ? {} : { tail: tailLines }),
    ...(since === undefined ? {} : { since: since.getTime() / 1000 }),
    signal,
  });
  const text = new FramedText({ timestamps });
  for await (const chunk of raw) {
    const bytes = (tty ? chunk : text.read(chunk)).subarray(0, left);
    if (bytes.length > 0) yield bytes;
    left -= bytes.length;
    if (left <= 0) return;
  }
}

/** Takes the frames away, and the times in front of what goes on with a line. */
class FramedText {
  readonly #timestamps: boolean;
  readonly #frames = new FrameReader();
  #midLine = false;
  /** Whether the time of a frame is still being skipped. */
  #skipping = false;

  constructor({ timestamps }: { readonly timestamps: boolean }) {
    this.#timestamps = timestamps;
  }

  read(chunk: Uint8Array): Uint8Array {
    const out = new Uint8Array(chunk.length);
    let filled = 0;
    for (const piece of this.#frames.read(chunk)) {
      let { bytes } = piece;
      if (piece.first) this.#skipping = this.#timestamps && this.#midLine;
      if (this.#skipping) {
        const end = bytes.indexOf(space);
        if (end === -1) continue;
        bytes = bytes.subarray(end + 1);
        this.#skipping = false;
      }
      if (bytes.length === 0) continue;
      out.set(bytes, filled);
      filled += bytes.length;
      this.#midLine = bytes[bytes.length - 1] !== newline;
    }
    return out.subarray(0, filled);
  }
}

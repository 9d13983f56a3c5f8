import { Decompress } from "fzstd";
import { delay } from "../../../async/delay.ts";
import { ZstdFrames } from "./zstd_frames.ts";

/** So little at once that what comes of it has room: 4 bytes can stand for 128 KiB. */
const portionBytes = 1024;

/** How many blocks may follow each other before others have their turn; most are 128 KiB. */
const blocksPerTurn = 8;

/**
 * What was compressed with Zstandard. Not by `node:zlib`, as farlet's runtime (Deno 2.6) has the
 * names of its functions and nothing behind them. Throws a `TypeError` for a window of over 8 MiB.
 */
export async function* zstdDecompressed(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let made: Uint8Array[] = [];
  const decoder = new Decompress((chunk) => made.push(chunk));
  const frames = new ZstdFrames();
  const { signal } = new AbortController(); // Who reads stops reading.
  let turn = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += portionBytes) {
      const portion = chunk.subarray(at, at + portionBytes);
      frames.push(portion);
      decoder.push(portion);
      yield* made;
      made = [];
      if (frames.blocks - turn < blocksPerTurn) continue;
      turn = frames.blocks;
      await delay(0, { signal });
    }
  }
  decoder.push(new Uint8Array(), true);
  yield* made;
}

import { Decompress } from "fzstd";

/** So little at once that what comes of it has room: 4 bytes can stand for 128 KiB. */
const portionBytes = 1024;

/**
 * What was compressed with Zstandard. Not by `node:zlib`, as farlet's runtime (Deno 2.6) has the
 * names of its functions and nothing behind them.
 */
export async function* zstdDecompressed(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let made: Uint8Array[] = [];
  const decoder = new Decompress((chunk) => made.push(chunk));
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += portionBytes) {
      decoder.push(chunk.subarray(at, at + portionBytes));
      yield* made;
      made = [];
    }
  }
  decoder.push(new Uint8Array(), true);
  yield* made;
}

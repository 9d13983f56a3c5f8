import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { zstdDecompressed } from "./zstd.ts";

/** The content of a file that may be compressed with gzip or zstd: by how it begins. */
export async function* decompressed(
  path: string,
): AsyncGenerator<Uint8Array> {
  const magic = await firstBytes(path);
  using file = await Deno.open(path);
  const chunks = chunksOf(file);
  try {
    if (magic.startsWith("1f8b")) yield* gunzipped(chunks);
    else if (magic === "28b52ffd") yield* zstdDecompressed(chunks);
    else yield* chunks;
  } catch (error) {
    throw new TypeError("its layer cannot be decompressed", { cause: error });
  }
}

async function* gunzipped(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const decoder = createGunzip();
  const source = Readable.from(chunks);
  source.on("error", (error) => decoder.destroy(error));
  source.pipe(decoder);
  try {
    for await (const chunk of decoder) yield chunk;
  } finally {
    source.destroy();
    decoder.destroy();
  }
}

async function firstBytes(path: string): Promise<string> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(4);
  const count = await file.read(bytes) ?? 0;
  return bytes.subarray(0, count).toHex();
}

/** Without the stream of the file: that would close it on its own. */
async function* chunksOf(file: Deno.FsFile): AsyncGenerator<Uint8Array> {
  for (;;) {
    const buffer = new Uint8Array(64 * 1024);
    const count = await file.read(buffer);
    if (count === null) return;
    yield buffer.subarray(0, count);
  }
}

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { decompressed } from "./decompress.ts";

async function read(bytes: Uint8Array): Promise<string> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, bytes);
    const text = new TextDecoder();
    let all = "";
    for await (const chunk of decompressed(path)) {
      all += text.decode(chunk, { stream: true });
    }
    return all;
  } finally {
    await Deno.remove(path);
  }
}

const text = "some text, ".repeat(20_000);
/** `printf farlet | zstd` */
const frame = Uint8Array.fromBase64("KLUv/QRYMQAAZmFybGV0sPsmLQ==");

Deno.test("decompressed() knows gzip, zstd and what is neither", async () => {
  assert.equal(await read(new TextEncoder().encode(text)), text);
  assert.equal(await read(gzipSync(text)), text);
  assert.equal(await read(frame), "farlet");
  assert.equal(await read(new Uint8Array()), "");
});

Deno.test("decompressed() refuses what is damaged or cut off", async () => {
  const whole = gzipSync(text);
  for (
    const bytes of [whole.subarray(0, whole.length / 2), frame.subarray(0, 12)]
  ) {
    await assert.rejects(read(bytes), /its layer cannot be decompressed/);
  }
});

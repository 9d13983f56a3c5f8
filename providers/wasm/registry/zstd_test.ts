import assert from "node:assert/strict";
import { needing } from "../../../tests/needing.ts";
import { missingProgram } from "../../../tests/test_program.ts";
import { zstdDecompressed } from "./zstd.ts";
import { ZstdFrames } from "./zstd_frames.ts";

const missing = missingProgram("zstd");

/** It cannot be compressed: what zstd(1) makes of it are blocks of 128 KiB. */
const noise = new Uint8Array(300_000);
for (let at = 0; at < noise.length; at += 65536) {
  crypto.getRandomValues(noise.subarray(at, at + 65536));
}

for (const portion of [1, 3, 1000, 1_000_000]) {
  const name = `ZstdFrames follows frames of zstd(1), ${portion} bytes at once`;
  Deno.test({
    ...needing(missing, name),
    fn: async () => {
      const two = [
        ...await zstd(noise, "--check"),
        ...[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2], // A skippable frame.
        ...await zstd(noise.subarray(0, 5), "--no-check", "-19"),
      ];
      const all = new Uint8Array(two);
      const frames = new ZstdFrames();
      for (let at = 0; at < all.length; at += portion) {
        frames.push(all.subarray(at, at + portion));
      }
      assert.equal(frames.blocks, 4);
      assert.throws(() => frames.push(new Uint8Array(4)), TypeError);
    },
  });
}

Deno.test({
  ...needing(
    missing,
    "zstdDecompressed() gives what zstd(1) was given, and refuses large windows",
  ),
  fn: async () => {
    assert.deepEqual(await decompressed(await zstd(noise, "-19")), noise);
    const long = await zstd(noise, "--long=27", "--no-content-size");
    await assert.rejects(decompressed(long), /a window of \d+ bytes/);
    const single = new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 1, 0, 0, 2]);
    await assert.rejects(decompressed(single), /a window of 33554433 bytes/);
  },
});

async function decompressed(bytes: Uint8Array): Promise<Uint8Array> {
  const chunks = zstdDecompressed(new Blob([bytes.slice()]).stream());
  return await new Response(ReadableStream.from(chunks)).bytes();
}

async function zstd(
  bytes: Uint8Array,
  ...args: readonly string[]
): Promise<Uint8Array> {
  const child = new Deno.Command("zstd", {
    args: ["-q", "-c", ...args],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const [output] = await Promise.all([
    new Response(child.stdout).bytes(),
    new Blob([bytes.slice()]).stream().pipeTo(child.stdin),
  ]);
  await child.status;
  return output;
}

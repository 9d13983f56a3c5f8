import assert from "node:assert/strict";
import type { IndexEntry } from "./manifest.ts";
import { selectManifest } from "./select_manifest.ts";

function entry(platform: string, more: Partial<IndexEntry> = {}): IndexEntry {
  const [os = "", architecture = ""] = platform.split("/");
  return {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: platform,
    size: 1,
    ...(platform === "none" ? {} : { platform: { os, architecture } }),
    ...more,
  };
}

const indexes: readonly (readonly [readonly string[], string])[] = [
  [["linux/amd64", "wasi/wasm"], "wasi/wasm"],
  [["wasip2/wasm", "wasip1/wasm"], "wasip1/wasm"],
  [["linux/arm64", "wasi/wasm32"], "wasi/wasm32"],
  [["wasip2/wasm", "wasi/wasm32"], "wasi/wasm32"],
  [["linux/amd64", "wasip2/wasm"], "wasip2/wasm"],
];
for (const [platforms, want] of indexes) {
  Deno.test(`selectManifest() takes ${want} of ${platforms.join(", ")}`, () => {
    const entries = platforms.map((platform) => entry(platform));
    assert.equal(selectManifest(entries).digest, want);
  });
}

Deno.test("selectManifest() takes an artifact without platform", () => {
  const artifactType = "application/vnd.wasm.config.v0+json";
  const chosen = entry("none", { artifactType });
  assert.equal(selectManifest([entry("linux/amd64"), chosen]), chosen);
});

Deno.test("selectManifest() names the platforms that there are", () => {
  assert.throws(
    () => selectManifest([entry("linux/amd64"), entry("unknown/unknown")]),
    /^TypeError: no match for platform wasi\/wasm: it is for linux\/amd64, which an ordinary node runs/,
  );
});

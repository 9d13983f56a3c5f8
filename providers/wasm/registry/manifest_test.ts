import assert from "node:assert/strict";
import { parseImageConfig, parseManifest } from "./manifest.ts";
import { isWasiImage, packagingOf } from "./packaging.ts";

function bytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function layer(mediaType: string) {
  return { mediaType, digest: `sha256:${"0".repeat(64)}`, size: 3 };
}

Deno.test("parseManifest() refuses what is none", () => {
  const config = layer("x");
  for (
    const value of [
      null,
      [],
      {},
      { config },
      { config, layers: [{ ...config, digest: "sha256:../../x" }] },
      { config, layers: [{ ...config, size: -1 }] },
      { config, layers: [{ ...config, size: 1e300 }] },
      { manifests: [{ digest: "md5:0" }] },
    ]
  ) {
    assert.throws(
      () => parseManifest(bytes(value)),
      /^TypeError: its manifest cannot be read/,
      JSON.stringify(value),
    );
  }
  assert.throws(
    () => parseManifest(new TextEncoder().encode("{")),
    /^TypeError: its manifest is not JSON/,
  );
});

Deno.test("parseImageConfig() reads what an image starts", () => {
  const config = { Entrypoint: null, Cmd: ["a", "b"], Env: ["A=b=c", "D"] };
  assert.deepEqual(
    parseImageConfig(bytes({ os: "wasi", architecture: "wasm", config })),
    {
      platform: { os: "wasi", architecture: "wasm" },
      entrypoint: [],
      cmd: ["a", "b"],
      env: { A: "b=c", D: "" },
    },
  );
});

Deno.test("packagingOf() finds the program of every packaging", () => {
  const config = layer("any");
  for (
    const type of [
      "application/wasm",
      "application/vnd.wasm.content.layer.v1+wasm",
      "application/vnd.module.wasm.content.layer.v1+wasm",
      "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
    ]
  ) {
    const layers = [layer("text/plain"), layer(type)];
    assert.deepEqual(
      packagingOf({ config, layers }),
      { kind: "module", layer: layer(type) },
    );
  }
  for (
    const type of [
      "application/vnd.oci.image.layer.v1.tar",
      "application/vnd.oci.image.layer.v1.tar+gzip",
      "application/vnd.oci.image.layer.v1.tar+zstd",
      "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ]
  ) {
    const layers = [layer(type)];
    assert.deepEqual(packagingOf({ config, layers }), {
      kind: "files",
      layers,
    });
  }
  assert.throws(
    () => packagingOf({ config, layers: [] }),
    /^TypeError: it is an artifact of type "any"/,
  );
});

const linux = { os: "linux", architecture: "amd64" };
Deno.test("isWasiImage() goes by platform, annotation and program", () => {
  const ask = (more: Partial<Parameters<typeof isWasiImage>[0]>) =>
    isWasiImage({ platform: linux, annotations: {}, ...more });
  const variant = "module.wasm.image/variant";
  assert.equal(ask({}), false);
  assert.equal(ask({ program: "/bin/sh" }), false);
  assert.equal(ask({ program: "/app.wasm" }), true);
  assert.equal(ask({ annotations: { [variant]: "compat" } }), true);
  assert.equal(ask({ annotations: { [variant]: "compat-smart" } }), true);
  assert.equal(ask({ platform: { os: "wasi", architecture: "wasm" } }), true);
});

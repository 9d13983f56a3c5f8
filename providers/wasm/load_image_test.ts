import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { RuntimeError } from "../errors.ts";
import { tarBytes, type TarEntry } from "../ssh/tar.ts";
import { loadImage } from "./load_image.ts";
import { ModuleStore } from "./modules.ts";
import { guests } from "./test_bench.ts";

const { signal } = new AbortController();
const guest = await Deno.readFile(join(guests, "guest.wasm"));

async function withLoader(
  test: (
    load: (bytes: Uint8Array, name?: string) => ReturnType<typeof loadImage>,
    store: ModuleStore,
    dir: string,
  ) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const store = new ModuleStore({ stateDir: dir, allowLocalModules: [] });
    await test(
      async (bytes, name) => {
        const file = join(dir, "input");
        await Deno.writeFile(file, bytes);
        return await loadImage(file, {
          ...{ store, source: "input", signal },
          ...(name === undefined ? {} : { name }),
        });
      },
      store,
      dir,
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function file(path: string, content: Uint8Array | object): TarEntry {
  const bytes = content instanceof Uint8Array
    ? content
    : new TextEncoder().encode(JSON.stringify(content));
  return { kind: "file", path, mode: 0o644, content: bytes };
}

/** A blob of an OCI layout, and what describes it. */
function blob(mediaType: string, content: Uint8Array | object) {
  const entry = file("", content);
  assert.ok(entry.kind === "file" && entry.content instanceof Uint8Array);
  const hex = createHash("sha256").update(entry.content).digest("hex");
  return {
    entry: { ...entry, path: `blobs/sha256/${hex}` },
    descriptor: {
      mediaType,
      digest: `sha256:${hex}`,
      size: entry.content.length,
    },
  };
}

const wasi = {
  os: "wasip1",
  architecture: "wasm",
  config: { Entrypoint: ["/app.wasm"], Env: ["A=b"] },
};
const layer = tarBytes([file("app.wasm", guest)]);

function layout(names: readonly Readonly<Record<string, string>>[]) {
  const config = blob("application/vnd.oci.image.config.v1+json", wasi);
  const only = blob("application/vnd.oci.image.layer.v1.tar", layer);
  const manifest = blob("application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    config: config.descriptor,
    layers: [only.descriptor],
  });
  const manifests = names.map((annotations) => ({
    ...manifest.descriptor,
    annotations,
  }));
  return {
    digest: manifest.descriptor.digest,
    entries: [
      file("oci-layout", { imageLayoutVersion: "1.0.0" }),
      file("index.json", { schemaVersion: 2, manifests }),
      ...[config.entry, only.entry, manifest.entry],
    ],
  };
}

Deno.test("loadImage() takes a program under the name that it is given", async () => {
  await withLoader(async (load, store) => {
    const [stored] = await load(guest, "hello");
    assert.equal(stored?.name, "hello:latest");
    assert.equal((await store.find("hello"))?.kind, "module");
    await assert.rejects(load(guest), /no name of its own/);
  });
});

Deno.test("loadImage() takes an OCI layout, packed or not, under its own name or another", async () => {
  await withLoader(async (load, store) => {
    const whole = "io.containerd.image.name";
    const short = "org.opencontainers.image.ref.name";
    const { digest, entries } = layout([{ [whole]: "docker.io/me/app:1" }]);
    const loaded = await load(new Uint8Array(gzipSync(tarBytes(entries))));
    assert.deepEqual(loaded.map(({ name }) => name), ["me/app:1"]);
    const found = await store.find("me/app:1");
    assert.ok(found?.kind === "files");
    assert.equal(found.imageId, digest);
    assert.deepEqual(found.config.env, { A: "b" });
    assert.deepEqual(await Deno.readFile(join(found.root, "app.wasm")), guest);
    const tagged = tarBytes(layout([{ [short]: "latest" }]).entries);
    await assert.rejects(load(tagged), /does not name its image/);
    assert.equal((await load(tagged, "mine:2"))[0]?.name, "mine:2");
    await assert.rejects(load(tarBytes(layout([]).entries)), /has no images/);
    const two = tarBytes(layout([{}, {}]).entries);
    await assert.rejects(load(two, "mine:2"), /has 2 images/);
  });
});

Deno.test("loadImage() takes what docker save wrote before it wrote OCI layouts", async () => {
  await withLoader(async (load, store) => {
    const entries = [
      file("c.json", wasi),
      file("1/layer.tar", layer),
      file("manifest.json", [{
        Config: "c.json",
        RepoTags: ["app:1", "app:2"],
        Layers: ["1/layer.tar"],
      }]),
    ];
    const loaded = await load(tarBytes(entries));
    assert.deepEqual(loaded.map(({ name }) => name), ["app:1", "app:2"]);
    assert.equal((await store.find("app:2"))?.kind, "files");
  });
});

Deno.test("loadImage() refuses what it cannot use, and leaves nothing of it", async () => {
  await withLoader(async (load, store, dir) => {
    const { entries } = layout([{}]);
    const altered = entries.map((entry) =>
      entry.path.startsWith("blobs/") && entry.kind === "file" &&
        entry.content === layer
        ? file(entry.path, layer.toReversed())
        : entry
    );
    const link = (target: string): TarEntry[] => [
      { kind: "symlink", path: "c.json", target, mode: 0o777 },
      file("manifest.json", [{ Config: "c.json", Layers: [] }]),
    ];
    const linux = { ...wasi, os: "linux", architecture: "amd64", config: {} };
    const cases: readonly (readonly [Uint8Array, RegExp])[] = [
      [tarBytes(altered), /its blob sha256:\w+ has other content/],
      [tarBytes(entries.slice(0, 3)), /its "blobs\/sha256\/\w+" is missing/],
      [tarBytes(link("/etc/passwd")), /its "c.json" is missing/],
      [tarBytes(link("../".repeat(20) + "etc/passwd")), /its "c.json" is miss/],
      [
        tarBytes([
          file("c.json", linux),
          file("1.tar", layer),
          file("manifest.json", [{ Config: "c.json", Layers: ["1.tar"] }]),
        ]),
        /it is for linux\/amd64, which an ordinary node runs/,
      ],
      [tarBytes([file("x", {})]), /neither a WebAssembly program nor an arch/],
      [new TextEncoder().encode("text"), /neither|archive is damaged/],
      [guest.slice(0, 100), /module is corrupt/],
    ];
    for (const [bytes, message] of cases) {
      await assert.rejects(load(bytes, "bad"), (error) => {
        assert.ok(error instanceof RuntimeError);
        assert.match(error.message, /^Cannot use "input": /);
        assert.match(error.message, message);
        return true;
      });
    }
    assert.deepEqual(await store.list(), []);
    for (const place of ["sha256", "files", "tmp"]) {
      const names = await Array.fromAsync(
        Deno.readDir(join(dir, "modules", place)),
      ).catch(() => []);
      assert.deepEqual(names, [], place);
    }
  });
});

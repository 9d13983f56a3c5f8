import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import { needing } from "../../tests/needing.ts";
import { RuntimeError } from "../errors.ts";
import type { PullProgress } from "../runtime.ts";
import { plainContainer } from "../test_specs.ts";
import { tarBytes } from "../ssh/tar.ts";
import { pullImage } from "./image_puller.ts";
import { ImageUses } from "./image_uses.ts";
import { ModuleStore } from "./modules.ts";
import { pruneImages } from "./prune_images.ts";
import {
  indexType,
  missingRegistry,
  TestRegistry,
} from "./registry/test_registry.ts";
import { Bench, guests } from "./test_bench.ts";

const guest = await Deno.readFile(join(guests, "guest.wasm"));
const missing = missingRegistry();

function against(
  name: string,
  test: (
    registry: TestRegistry,
    store: ModuleStore,
    dir: string,
  ) => Promise<void>,
): void {
  Deno.test({
    ...needing(missing, name),
    async fn() {
      const dir = await Deno.makeTempDir();
      try {
        await using registry = await TestRegistry.start();
        const stateDir = join(dir, "state");
        const store = new ModuleStore({ stateDir, allowLocalModules: [] });
        await test(registry, store, dir);
      } finally {
        await Deno.remove(dir, { recursive: true });
      }
    },
  });
}

function refusal(message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof RuntimeError, `${error}`);
    assert.equal(error.reason, "ErrImagePull");
    assert.match(error.message, message);
    return true;
  };
}

const env = { HOME: "/nonexistent" };
const { signal } = new AbortController();

const artifacts = [
  ["application/vnd.wasm.config.v0+json", "application/wasm"],
  [
    "application/vnd.wasm.config.v1+json",
    "application/vnd.wasm.content.layer.v1+wasm",
  ],
  [
    "application/vnd.module.wasm.config.v1+json",
    "application/vnd.module.wasm.content.layer.v1+wasm",
  ],
] as const;

against(
  "pullImage() takes artifacts of every kind, by tag and by digest",
  async (registry, store) => {
    for (const [index, [configType, layerType]] of artifacts.entries()) {
      const pushed = await registry.pushImage("team/app", `v${index}`, {
        configType,
        config: { architecture: "wasm", os: "wasip1" },
        layers: [[layerType, guest]],
      });
      const name = `${registry.address}/team/app`;
      const seen: PullProgress[] = [];
      const pulled = await pullImage(`${name}:v${index}`, {
        ...{ store, env, signal },
        onProgress: (progress) => seen.push(progress),
      });
      assert.equal(pulled.imageId, `${name}@${pushed.digest}`);
      assert.equal(pulled.sizeBytes, guest.length);
      assert.equal(pulled.opened, undefined);
      // The content is shared: it came with the first of them.
      assert.equal(
        seen.at(-1)?.doneBytes,
        index === 0 ? guest.length : undefined,
      );
      const found = await store.find(`${name}@${pushed.digest}`);
      assert.ok(found?.kind === "module");
      assert.deepEqual(await Deno.readFile(found.path), guest);
      assert.equal(found.programName, "app");
      await pullImage(pulled.imageId, { store, env, signal });
    }
  },
);

against(
  "pullImage() takes the image of an index that is for WASI",
  async (registry, store) => {
    const layers = [["application/wasm", guest]] as const;
    const wasm = await registry.pushImage("app", undefined, { layers });
    const index = await registry.pushManifest("app", "latest", {
      schemaVersion: 2,
      mediaType: indexType,
      manifests: [
        { ...wasm, platform: { os: "wasi", architecture: "wasm" } },
      ],
    });
    const image = `${registry.address}/app`;
    const { imageId } = await pullImage(image, { store, env, signal });
    assert.equal(imageId, `${image}@${index.digest}`);
  },
);

against(
  "pullImage() refuses what cannot run here, in words that say why",
  async (registry, store) => {
    const { address } = registry;
    const pull = (image: string) =>
      pullImage(`${address}/${image}`, { store, env, signal });
    await registry.pushImage("linux", "latest", {
      config: {
        os: "linux",
        architecture: "amd64",
        config: { Cmd: ["/bin/sh"] },
      },
      layers: [["application/vnd.oci.image.layer.v1.tar", tarBytes([])]],
    });
    await registry.pushImage("chart", "latest", {
      configType: "application/vnd.cncf.helm.config.v1+json",
      layers: [["application/vnd.cncf.helm.chart.content.v1.tar+gzip", guest]],
    });
    await assert.rejects(
      pull("linux"),
      refusal(
        /no match for platform wasi\/wasm: it is for linux\/amd64, which an ordinary node runs, or one of farlet's provider ssh/,
      ),
    );
    await assert.rejects(pull("chart"), refusal(/artifact of type ".*helm/));
    await registry.pushImage("spin", "latest", {
      configType: "application/vnd.fermyon.spin.application.v1+config",
      layers: [["application/vnd.wasm.content.layer.v1+wasm", guest]],
    });
    await assert.rejects(pull("spin"), refusal(/it is a Spin application/));
    await assert.rejects(
      pull("absent:1"),
      refusal(
        /^Cannot pull "127.0.0.1:\d+\/absent:1": not found: (MANIFEST|NAME)_UNKNOWN/,
      ),
    );
    await assert.rejects(
      pullImage("127.0.0.1:1/app", { store, env, signal }),
      refusal(/127.0.0.1:1 cannot be reached/),
    );
    assert.deepEqual(await store.list(), []);
  },
);

against("pullImage() gives up when it is told to", async (registry, store) => {
  const stop = AbortSignal.abort(new Error("enough"));
  await assert.rejects(
    pullImage(`${registry.address}/app`, { store, env, signal: stop }),
    /enough/,
  );
});

against(
  "WasmRuntime runs the program of an ordinary image among its files",
  async (registry) => {
    const files = (name: string, text: string) =>
      tarBytes([
        { kind: "directory", path: "etc", mode: 0o755 },
        {
          kind: "file",
          path: `etc/${name}`,
          mode: 0o600,
          content: new TextEncoder().encode(text),
        },
        {
          kind: "symlink",
          path: "etc/link",
          target: `/etc/${name}`,
          mode: 0o777,
        },
      ]);
    const program = tarBytes([
      { kind: "file", path: "app.wasm", mode: 0o755, content: guest },
    ]);
    await registry.pushImage("compat", "v1", {
      config: {
        os: "wasip1",
        architecture: "wasm",
        config: {
          Entrypoint: ["/app.wasm"],
          Cmd: ["env", "GREETING", "cat", "/etc/b"],
          Env: ["GREETING=hello=you", "OTHER=x"],
          WorkingDir: "/etc",
        },
      },
      layers: [
        ["application/vnd.oci.image.layer.v1.tar", program],
        [
          "application/vnd.oci.image.layer.v1.tar+gzip",
          new Uint8Array(gzipSync(files("a", "one"))),
        ],
        [
          "application/vnd.oci.image.layer.v1.tar+zstd",
          await zstd(files("b", "two")),
        ],
      ],
    });
    await using bench = await Bench.open();
    const image = `${registry.address}/compat:v1`;
    assert.equal(await bench.runtime.findImage(image, { signal }), undefined);
    const { imageId } = await bench.runtime.pullImage(image, { signal });
    const run = async (attempt: number, more: object) => {
      await bench.runtime.startContainer("uid-1", {
        ...plainContainer({ image, imageId }),
        attempt,
        ...more,
      }, { signal });
      const exit = await bench.exit();
      return [exit.code, await bench.logs()];
    };
    assert.deepEqual(await run(0, {}), [0, "hello=you\ntwo"]);
    assert.deepEqual(
      await run(1, { args: ["env", "PWD", "cat", "/etc/link"] }),
      [0, "/etc\ntwo"],
    );
    assert.deepEqual(
      await run(2, { command: ["app.wasm", "args"], env: { OTHER: "y" } }),
      [0, "app.wasm\nargs\n"],
    );
    const [code] = await run(3, { args: ["write", "/etc/b", "three"] });
    assert.equal(code, 1, "the files of an image are read-only");
    await assert.rejects(
      run(4, { command: ["/absent.wasm"] }),
      /exec: "\/absent.wasm": no such file in the image/,
    );
    assert.deepEqual(
      await bench.exec(["app.wasm", "cat", "/etc/a"]).catch(
        ({ name }) => name,
      ),
      "NotFound",
    );
  },
);

against("pruneImages() leaves what containers have", async (registry) => {
  await using bench = await Bench.open();
  const layers = [["application/wasm", guest]] as const;
  const text = new TextEncoder().encode("no module");
  await registry.pushImage("used", "latest", { layers });
  await registry.pushImage("unused", "latest", {
    layers: [["application/wasm", text]],
  });
  const image = `${registry.address}/used`;
  const { imageId } = await bench.runtime.pullImage(image, { signal });
  await bench.runtime.pullImage(`${registry.address}/unused`, { signal });
  await bench.runtime.startContainer("uid-1", {
    ...plainContainer({ image, imageId }),
    args: ["echo", "x"],
  }, { signal });
  await bench.exit();
  const stateDir = join(bench.dir, "state");
  const store = new ModuleStore({ stateDir, allowLocalModules: [] });
  const uses = new ImageUses(stateDir);
  const { images } = await pruneImages(store, uses);
  assert.equal(images.length, 1);
  assert.match(images[0] ?? "", /\/unused@sha256:/);
  assert.equal((await store.find(image))?.imageId, imageId);
  await bench.runtime.removeSandbox("uid-1", { signal });
  assert.deepEqual((await pruneImages(store, uses)).images, [imageId]);
  assert.deepEqual(await store.list(), []);
});

/** By the program: not every Deno that runs tests can. */
async function zstd(
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const child = new Deno.Command("zstd", {
    args: ["-q", "-c"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const written = new Blob([bytes]).stream().pipeTo(child.stdin);
  const { stdout } = await child.output();
  await written;
  return stdout;
}

const robot = {
  username: "robot",
  password: "s3cret?>~",
  bcrypt: "$2y$05$Wyvg.iNuvuEJKnlvUPcUruLNrwQ2lxnmKzjmJJVMOxW8qQxwYAvQ6",
};

Deno.test({
  ...needing(
    missing,
    "pullImage() opens a registry with the first credentials that it takes",
  ),
  async fn() {
    const dir = await Deno.makeTempDir();
    try {
      await using registry = await TestRegistry.start(robot);
      await registry.pushImage("app", "latest", {
        layers: [["application/wasm", guest]],
      });
      const stateDir = join(dir, "state");
      const store = new ModuleStore({ stateDir, allowLocalModules: [] });
      const image = `${registry.address}/app`;
      await assert.rejects(
        pullImage(image, { store, env, signal }),
        refusal(/unauthorized: no basic auth credentials/),
      );
      const { username, password } = robot;
      const good = { kind: "password", username, password } as const;
      const bad = { ...good, password: "wrong" };
      await assert.rejects(
        pullImage(image, { store, env, signal, credentials: [bad] }),
        refusal(/unauthorized: the credentials are not taken$/),
      );
      const { opened } = await pullImage(image, {
        ...{ store, env, signal },
        credentials: [bad, good],
      });
      assert.equal(opened, good);
      const config = {
        auths: {
          [registry.address]: { auth: btoa(`${username}:${password}`) },
        },
      };
      await Deno.writeTextFile(
        join(dir, "config.json"),
        JSON.stringify(config),
      );
      const byUser = await pullImage(image, {
        ...{ store, signal, env: { ...env, DOCKER_CONFIG: dir } },
      });
      assert.equal(byUser.opened, undefined);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

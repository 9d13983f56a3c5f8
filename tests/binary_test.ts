import assert from "node:assert/strict";
import { join } from "node:path";
import { version } from "../version.ts";
import { eventually, guestImage } from "./agent_process.ts";
import { controlPlaneMissing, startControlPlane } from "./controlplane.ts";
import {
  type FarletOptions,
  projectPath,
  runFarlet,
  startFarlet,
} from "./farlet.ts";
import { needing } from "./needing.ts";

/** A compiled farlet (`deno task compile`), to be tested alone in an empty folder. */
const compiled = Deno.env.get("FARLET_TEST_BINARY");
const noBinary = compiled === undefined
  ? "no binary: set FARLET_TEST_BINARY to what `deno task compile` made"
  : undefined;
const missing = noBinary ?? controlPlaneMissing();

if (noBinary !== undefined && Deno.env.get("FARLET_TEST_REQUIRE") === "all") {
  throw new Error(`FARLET_TEST_REQUIRE=all: ${noBinary}`);
}

/** The binary alone in a folder of its own, which is also its home and its working directory. */
async function aloneInFolder(): Promise<
  AsyncDisposable & { readonly dir: string; readonly options: FarletOptions }
> {
  const dir = await Deno.makeTempDir({ prefix: "farlet-binary-test-" });
  const binary = join(dir, "farlet");
  await Deno.copyFile(compiled ?? "", binary);
  return {
    dir,
    options: {
      command: [binary],
      cwd: dir,
      env: { HOME: dir, PATH: "/nowhere", DENO_DIR: join(dir, "deno") },
    },
    async [Symbol.asyncDispose]() {
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** The processes that run a program of this folder. */
async function processesOf(dir: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const command = await Deno.readTextFile(`/proc/${name}/cmdline`);
      if (command.startsWith(dir)) found.push(command);
    } catch (error) {
      // It has ended meanwhile.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return found;
}

const spinning = (graceSeconds: number) => `
apiVersion: v1
kind: Pod
metadata: { name: spin }
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: ${graceSeconds}
  containers:
    - { name: main, image: "${guestImage}", args: [lines, "1000000000"] }
`;

Deno.test({
  ...needing(noBinary, "the binary, alone in a folder, prints its version"),
  async fn() {
    await using alone = await aloneInFolder();
    const { code, stdout } = await runFarlet(["version"], alone.options);
    assert.match(stdout, new RegExp(`^farlet ${version} `));
    assert.equal(code, 0);
  },
});

Deno.test({
  ...needing(noBinary, "the binary, alone in a folder, runs the demo"),
  async fn() {
    await using alone = await aloneInFolder();
    const demo = projectPath("examples/demo.yaml");
    const { code, stdout, stderr } = await runFarlet(
      ["run", demo],
      alone.options,
    );
    assert.match(stdout, /letters\/reader \| No more letters; every seal was/);
    assert.equal(stderr, "");
    assert.equal(code, 0);
    assert.deepEqual(await processesOf(alone.dir), []);
  },
});

Deno.test({
  ...needing(
    noBinary,
    "the binary kills a busy pod at SIGTERM and leaves no process behind",
  ),
  async fn() {
    await using alone = await aloneInFolder();
    const modules = projectPath("tests/guests");
    await using farlet = startFarlet(
      ["run", "-", "--allow-local-modules", modules],
      { ...alone.options, stdin: spinning(1) },
    );
    await farlet.printed("spin/main | ");
    farlet.kill("SIGTERM");
    assert.equal((await farlet.result).code, 130);
    assert.deepEqual(await processesOf(alone.dir), []);
  },
});

Deno.test({
  ...needing(
    missing,
    "the binary joins a cluster, runs a pod there and deletes a busy one",
  ),
  async fn() {
    await using alone = await aloneInFolder();
    await using cluster = await startControlPlane();
    const flags = {
      "--kubeconfig": cluster.kubeconfig,
      "--node-name": "binary",
      "--node-ip": "127.0.0.1",
      "--kubelet-port": "0",
      "--state-dir": join(alone.dir, "state"),
      "--allow-local-modules": projectPath("tests/guests"),
    };
    await using farlet = startFarlet(
      ["serve", "--no-taint", ...Object.entries(flags).flat()],
      alone.options,
    );
    await eventually(() =>
      cluster.kubectl(["wait", "--for=condition=Ready", "node/binary"])
    );
    await cluster.kubectl(["apply", "-f", "-"], { stdin: onNode(spinning(0)) });
    await eventually(async () =>
      assert.match(
        await cluster.kubectl(["get", "pod", "spin", "-o", "yaml"]),
        /\n {2}phase: Running\n/,
      )
    );
    await cluster.kubectl(["delete", "pod", "spin", "--timeout=10s"]);
    farlet.kill("SIGTERM");
    const { code, stderr } = await farlet.result;
    assert.equal(code, 0, stderr);
    assert.match(
      await cluster.kubectl(["get", "node", "binary", "--no-headers"]),
      /^binary +NotReady/,
    );
    assert.deepEqual(await processesOf(alone.dir), []);
  },
});

function onNode(pod: string): string {
  return pod.replace("spec:", "spec:\n  nodeName: binary");
}

import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { parseAllDocuments, stringify } from "yaml";
import type { Pod, PodSpec } from "../k8s/types.ts";
import { eventually } from "./agent_process.ts";
import { projectPath, runFarlet, startFarlet } from "./farlet.ts";

const examples = projectPath("examples/wasm");
const manifests = [
  "c/pod.yaml",
  "go/deployment.yaml",
  "javascript/deployment.yaml",
  "python/pod.yaml",
  "rust/deployment.yaml",
];

Deno.test("a WASI node refuses no field of the examples' manifests", async () => {
  const ends = await Promise.all(manifests.map(async (manifest) => {
    const path = `${examples}/${manifest}`;
    return await runFarlet(["explain", "-f", path, "--provider", "wasm"]);
  }));
  for (const [i, { code, stdout, stderr }] of ends.entries()) {
    assert.equal(code, 0, `${manifests[i]}: ${stdout}${stderr}`);
    assert.match(stdout, /containers\[0\]\.image +ok/);
  }
});

Deno.test("the example in C counts the words of a ConfigMap", async () => {
  const { objects, pod } = await readExample("c/pod.yaml", "c/words.wasm");
  const { code, stdout, stderr } = await runPod([...objects, pod]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /haiku\.txt: 13 words/);
  assert.match(stdout, /motto\.txt: 2 words/);
});

Deno.test("the example in Rust answers requests", async () => {
  const { pod } = await readExample("rust/deployment.yaml", "rust/hello.wasm");
  const hostPort = freePort();
  const [container] = pod.spec?.containers ?? [];
  Object.assign(container?.ports?.[0] ?? {}, { hostIP: "127.0.0.1", hostPort });
  const stateDir = await Deno.makeTempDir();
  {
    await using farlet = startFarlet(runArguments(stateDir), {
      stdin: stringify(pod),
    });
    const answer = await eventually(async () => {
      const response = await fetch(`http://127.0.0.1:${hostPort}/world`);
      return await response.text();
    });
    assert.equal(answer, "Good day from Rust at /world\n");
    farlet.kill("SIGTERM");
    await farlet.result;
  }
  await Deno.remove(stateDir, { recursive: true });
});

/** The objects of an example, with a module of the tree instead of one of a registry. */
async function readExample(manifest: string, module: string) {
  const text = await Deno.readTextFile(`${examples}/${manifest}`);
  const all = parseAllDocuments(text).map((each) =>
    each.toJS() as { kind: string; metadata: object; spec: object }
  );
  const isPod = ({ kind }: { kind: string }) =>
    kind === "Pod" || kind === "Deployment";
  const owner = all.find(isPod);
  assert.ok(owner, `No pod in ${manifest}`);
  const template = owner.kind === "Pod"
    ? owner
    : (owner.spec as { template: typeof owner }).template;
  const spec = template.spec as PodSpec;
  const [container, ...others] = spec.containers;
  assert.ok(container);
  assert.equal(others.length, 0);
  const image = pathToFileURL(`${examples}/${module}`).href;
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "example", ...template.metadata },
    spec: { ...spec, containers: [{ ...container, image }] },
  };
  return { objects: all.filter((each) => !isPod(each)), pod };
}

async function runPod(objects: readonly object[]) {
  const stateDir = await Deno.makeTempDir();
  const stdin = objects.map((each) => stringify(each)).join("---\n");
  const end = await runFarlet(runArguments(stateDir), { stdin });
  await Deno.remove(stateDir, { recursive: true });
  return end;
}

function runArguments(stateDir: string): readonly string[] {
  return [
    ...["run", "-", "--allow-local-modules", examples],
    ...["--state-dir", stateDir],
  ];
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

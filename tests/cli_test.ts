import assert from "node:assert/strict";
import { join } from "node:path";
import { parseYaml } from "../async/yaml_file.ts";
import { version } from "../version.ts";
import { guestModuleImage } from "./agent_process.ts";
import { projectPath, runFarlet, startFarlet } from "./farlet.ts";

/** A folder with `files` by their names, gone when the scope is left. */
async function folder(
  files: Readonly<Record<string, string>>,
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "farlet-cli-test-" });
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(join(path, name), text);
  }
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

const pod = (image: string, more = "") => `
apiVersion: v1
kind: Pod
metadata: { name: hello }
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers: [{ name: main, image: "${image}"${more} }]
`;
const header = "apiVersion: farlet.dev/v1alpha1\nkind: AgentConfiguration\n";

interface BadInput {
  readonly claim: string;
  readonly args: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly message: RegExp;
}

const badInputs: readonly BadInput[] = [
  {
    claim: "an unknown command, and suggests the right one",
    args: ["serv"],
    message: /^error: unknown command 'serv'\n\(Did you mean serve\?\)\n$/,
  },
  {
    claim: "an unknown flag, and suggests the right one",
    args: ["serve", "--node-nam", "a"],
    message:
      /^error: unknown option '--node-nam'\n\(Did you mean --node-name\?/,
  },
  {
    claim: "a configuration that is not there",
    args: ["serve", "--config", "agent.yaml"],
    message: /^error: Cannot read "agent\.yaml": there is no such file\n$/,
  },
  {
    claim: "a configuration with an unknown field",
    args: ["serve", "--config", "agent.yaml"],
    files: { "agent.yaml": `${header}kubelet: { prot: 1 }` },
    message:
      /^error: Cannot use "agent\.yaml": kubelet: unknown field "prot"; known here are .*port.*\n$/,
  },
  {
    claim: "a flag with a wrong value",
    args: ["serve", "--node-ip", "here"],
    message: /^error: Cannot use --node-ip: nodes\[0\]\.ip: .*not "here"\n$/,
  },
  {
    claim: "a kubeconfig that is not there",
    args: ["serve", "--kubeconfig", "k.yaml", "--state-dir", "state"],
    message: /^error: Cannot use kubeconfig ".*k\.yaml": .*\n$/,
  },
  {
    claim: "a kubeconfig that is not YAML, without quoting it",
    args: ["serve", "--kubeconfig", "k.yaml", "--state-dir", "state"],
    files: { "k.yaml": "token: [hunter2" },
    message: /^error: (?!.*hunter2)Cannot use .*k\.yaml.*\n$/,
  },
  {
    claim: "a manifest that is not there",
    args: ["run", "pod.yaml"],
    message: /^error: Cannot read .*pod\.yaml.*\n$/,
  },
  {
    claim: "a manifest that is not YAML, without quoting it",
    args: ["run", "pod.yaml"],
    files: { "pod.yaml": "password: [hunter2" },
    message: /^error: (?!.*hunter2)Cannot (read|use) .*pod\.yaml.*\n$/,
  },
  {
    claim: "a manifest without a pod",
    args: ["run", "pod.yaml"],
    files: { "pod.yaml": "" },
    message: /^error: Cannot run pod\.yaml: there is no Pod in it\n$/,
  },
  {
    claim: "a manifest with a wrong field",
    args: ["run", "pod.yaml"],
    files: { "pod.yaml": pod("hello").replace("Never", "Sometimes") },
    message: /^error: Cannot use pod\.yaml \(Pod hello\):(.|\n)*restartPolicy/,
  },
  {
    claim: "a module that is not there",
    args: ["run", "pod.yaml"],
    files: { "pod.yaml": pod("file:./no.wasm") },
    message: /^error: Cannot .*no\.wasm.*there is no such file\n$/m,
  },
  {
    claim: "to run a file that is no module",
    args: ["run", "pod.yaml"],
    files: { "pod.yaml": pod("file:./a.wasm"), "a.wasm": "hello" },
    message: /^error: Cannot run .*module is not WebAssembly.*\n$/,
  },
  {
    claim: "a module that imports what WASI lacks",
    args: [
      ...["run", "--allow-local-modules", projectPath("tests/guests")],
      "pod.yaml",
    ],
    files: { "pod.yaml": pod(guestModuleImage("unknown_imports")) },
    message: /^error: Cannot run .*imports env\.foo, .* does not have\n$/,
  },
  {
    claim: "a field that Kubernetes does not know",
    args: ["run", "pod.yaml"],
    files: { "pod.yaml": pod("file:./a.wasm", ", argz: [a]") },
    message: /no such field\n.*spec\.containers\[0\]\.argz/,
  },
  {
    claim: "a field that farlet cannot honour",
    args: ["run", "pod.yaml"],
    files: {
      "pod.yaml": pod("file:./a.wasm", ", volumeDevices: [{ name: a }]"),
    },
    message: /^error: .*spec\.containers\[0\]\.volumeDevices: .*\n$/,
  },
  {
    claim: "a module outside the allowed directories",
    args: ["run", "pod.yaml"],
    files: { "pod.yaml": pod("file:///etc/passwd") },
    message: /^error: .*\/etc\/passwd.* --allow-local-modules\n$/,
  },
  {
    claim: "to load a file that is no module",
    args: ["image", "load", "hello", "a.wasm", "--state-dir", "state"],
    files: { "a.wasm": "hello" },
    message:
      /^error: Cannot use "a\.wasm": it is neither a WebAssembly program nor an archive.*\n$/,
  },
  {
    claim: "to remove a module that is not there",
    args: ["image", "remove", "hello", "--state-dir", "state"],
    message: /^error: Cannot remove "hello": it is not in the store.*\n$/,
  },
  {
    claim: "names that no object can have",
    args: ["print", "rbac", "--namespace", "a: b"],
    message: /^error: Cannot use "a: b" as a name: .*\n$/,
  },
];

for (const { claim, args, files = {}, message } of badInputs) {
  Deno.test(`farlet refuses ${claim}`, async () => {
    await using cwd = await folder(files);
    const { code, stdout, stderr } = await runFarlet(args, { cwd: cwd.path });
    assert.match(stderr, message);
    assert.equal(code, 2);
    assert.equal(stdout, "");
  });
}

Deno.test("farlet version prints the version of deno.json", async () => {
  const text = await runFarlet(["version"]);
  assert.match(text.stdout, new RegExp(`^farlet ${version} \\(Deno `));
  const { stdout, code } = await runFarlet(["version", "-o", "json"]);
  assert.equal(JSON.parse(stdout).farlet, version);
  assert.equal(code, 0);
});

Deno.test("farlet --help of every command has an example", async () => {
  const commands = [
    [],
    ["run"],
    ["serve"],
    ["image"],
    ["image", "load"],
    ["image", "pull"],
    ["image", "prune"],
    ["image", "list"],
    ["image", "remove"],
    ["print"],
    ["print", "rbac"],
    ["print", "systemd"],
    ["print", "config"],
    ["version"],
  ];
  for (const command of commands) {
    const { code, stdout } = await runFarlet([...command, "--help"]);
    assert.match(stdout, /Examples?:\n {2}.*farlet/, command.join(" "));
    assert.equal(code, 0);
  }
});

Deno.test("farlet print rbac narrows the permissions to a node", async () => {
  const { stdout } = await runFarlet(["print", "rbac", "--node-name", "n1"]);
  const objects = parseYaml(stdout, "rbac") as readonly {
    readonly kind: string;
    readonly rules?: readonly {
      readonly resources: readonly string[];
      readonly resourceNames?: readonly string[];
      readonly verbs: readonly string[];
    }[];
  }[];
  const rules = objects.flatMap(({ rules = [] }) => rules);
  for (const { resources, resourceNames, verbs } of rules) {
    assert.ok(!verbs.includes("*") && !resources.includes("*"));
    const own = /^(nodes|leases)/.test(`${resources}`);
    if (own && `${verbs}` !== "create") assert.deepEqual(resourceNames, ["n1"]);
  }
});

Deno.test("farlet image keeps modules until they are removed", async () => {
  await using cwd = await folder({});
  const env = { FARLET_STATE_DIR: cwd.path };
  const module = projectPath("examples/guests/reader.wasm");
  const list = async () => (await runFarlet(["image", "list"], { env })).stdout;
  assert.equal(await list(), "");
  const loaded = await runFarlet(["image", "load", "hello", module], { env });
  assert.match(loaded.stdout, /^hello:latest {2}sha256:/);
  const [headers, line] = (await list()).split("\n");
  assert.match(headers ?? "", /^NAME +DIGEST +SIZE +FROM$/);
  assert.match(line ?? "", /^hello:latest +sha256:\w{12} +\d+ kB +file$/);
  await runFarlet(["image", "remove", "hello"], { env });
  assert.equal(await list(), "");
});

Deno.test("farlet run takes an image from the store, and a manifest from stdin", async () => {
  await using cwd = await folder({});
  const env = { FARLET_STATE_DIR: cwd.path };
  const module = projectPath("tests/guests/guest.wasm");
  await runFarlet(["image", "load", "guest:1", module], { env });
  const { code, stdout, stderr } = await runFarlet(["run", "-"], {
    env,
    stdin: pod("guest:1", ", args: [echo, hello there]"),
  });
  assert.equal(stdout, "hello/main | hello there\n", stderr);
  assert.equal(code, 0);
});

Deno.test("farlet run ends with the exit code of the pod", async () => {
  await using cwd = await folder({});
  const dir = projectPath("tests/guests");
  const { code, stderr } = await runFarlet(
    ["run", "-", "--allow-local-modules", dir, "--state-dir", cwd.path],
    { stdin: pod(`file://${dir}/guest.wasm`, ', args: [exit, "3"]') },
  );
  assert.equal(code, 3, stderr);
});

Deno.test("farlet run stops its pods at SIGINT and exits with 130", async () => {
  await using cwd = await folder({});
  const dir = projectPath("tests/guests");
  const spin = pod(
    `file://${dir}/guest.wasm`,
    ", args: [lines, '1000000000']",
  );
  await using farlet = startFarlet(
    ["run", "-", "--allow-local-modules", dir, "--state-dir", cwd.path],
    { stdin: spin },
  );
  await farlet.printed("hello/main | ");
  farlet.kill("SIGINT");
  assert.equal((await farlet.result).code, 130);
});

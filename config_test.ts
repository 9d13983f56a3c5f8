import assert from "node:assert/strict";
import { hostname } from "node:os";
import { join } from "node:path";
import { ConfigError } from "./async/config_error.ts";
import { defaultConfig } from "./cli/default_config.ts";
import { type ConfigSources, loadConfig, stateDirFrom } from "./config.ts";
import { defaultEviction } from "./pods/eviction_thresholds.ts";

const header = "apiVersion: farlet.dev/v1alpha1\nkind: AgentConfiguration\n";

/** Loads `yaml` from a file, with flags such as `{ "--node-ip": … }`. */
async function load(
  yaml: string | undefined,
  { flags = {}, env = {} }: {
    readonly flags?: Record<string, string | readonly string[]>;
    readonly env?: ConfigSources["env"];
  } = {},
) {
  const dir = await Deno.makeTempDir();
  const file = join(dir, "agent.yaml");
  try {
    if (yaml !== undefined) await Deno.writeTextFile(file, yaml);
    return await loadConfig({
      file: yaml === undefined ? undefined : file,
      flags: new Map(Object.entries(flags)),
      env,
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("loadConfig() needs nothing: every field has a default", async () => {
  const config = await load(undefined, { env: {} });
  assert.deepEqual(config, {
    apiVersion: "farlet.dev/v1alpha1",
    kind: "AgentConfiguration",
    stateDir: stateDirFrom({}),
    logLevel: "info",
    logFormat: "text",
    kubelet: {
      address: "0.0.0.0",
      port: 10250,
      serverTLSBootstrap: true,
      authentication: {
        anonymous: { enabled: false },
        webhook: { cacheTTL: 120_000 },
      },
      authorization: {
        webhook: { cacheAuthorizedTTL: 300_000, cacheUnauthorizedTTL: 30_000 },
      },
      streamingConnectionIdleTimeout: 4 * 3_600_000,
    },
    nodes: [{
      name: hostname().toLowerCase(),
      provider: "wasm",
      labels: {},
      taints: [{
        key: "virtual-kubelet.io/provider",
        value: "wasm",
        effect: "NoSchedule",
      }],
      systemReserved: {},
      eviction: defaultEviction,
      shutdown: { groups: [] },
      allowedUnsafeSysctls: [],
      clusterDNS: [],
      clusterDomain: "cluster.local",
      wasm: { allowLocalModules: [], insecureRegistries: [], engine: "v8" },
    }],
  });
});

Deno.test("loadConfig() takes what `farlet print config` prints, and it says the defaults", async () => {
  assert.deepEqual(await load(defaultConfig), await load(undefined));
});

Deno.test("loadConfig() takes the hosts that `farlet print config` shows, named after them", async () => {
  const [, hosts = ""] = defaultConfig.split("# Hosts reached over SSH");
  const lines = hosts.split("\n").slice(1).map((line) => line.slice(4));
  const { nodes } = await load(`${header}nodes:\n${lines.join("\n")}`);
  assert.deepEqual(nodes.map(({ name }) => name), ["10.0.0.11", "pi-12"]);
  const [{ ssh, taints }] = nodes;
  assert.equal(ssh?.user, "pi");
  assert.match(ssh.identityFile ?? "", /^\/etc\/farlet\//);
  assert.equal(taints[0]?.value, "ssh");
});

Deno.test("loadConfig() refuses a flag that could mean any of several nodes", async () => {
  const yaml = `${header}nodes: [{ name: a }, { name: b, provider: memory }]`;
  const loading = load(yaml, { flags: { "--node-name <name>": "c" } });
  await assert.rejects(loading, /Cannot use --node-name: there are 2 nodes/);
  const flags = { "--node-ip <address>": "10.0.0.5" };
  const { nodes } = await load(yaml, { flags });
  assert.deepEqual(nodes.map(({ ip }) => ip), ["10.0.0.5", "10.0.0.5"]);
});

Deno.test("every field that is commented out in what `farlet print config` prints can be set", async () => {
  const everything = defaultConfig.replaceAll(
    /^( *)# (\w+: [^ ]+|example\.com.*)$/gm,
    "$1$2",
  ).replace("labels: {}", "labels:");
  const { kubelet, nodes: [node], ...config } = await load(everything);
  assert.equal(config.kubeconfig, "/etc/farlet/kubeconfig");
  assert.equal(config.stateDir, "/var/lib/farlet");
  assert.equal(kubelet.tlsKeyFile, "/etc/farlet/tls.key");
  assert.equal(kubelet.clientCaFile, "/etc/farlet/client-ca.crt");
  assert.equal(node.name, "edge-1");
  assert.equal(node.ip, "10.0.0.5");
  assert.equal(node.maxPods, 110);
  assert.deepEqual(node.labels, { "example.com/zone": "shed" });
});

Deno.test("loadConfig() prefers flags to the environment and that to the file", async () => {
  const yaml = `${header}nodes: [{ name: from-file, maxPods: 7 }]`;
  const env = { FARLET_NODE_NAME: "from-env" };
  const flags = { "--node-name <name>": "from-flag" };
  const nameOf = async (sources: Parameters<typeof load>[1]) =>
    (await load(yaml, sources)).nodes[0].name;
  assert.equal(await nameOf({}), "from-file");
  assert.equal(await nameOf({ env }), "from-env");
  assert.equal(await nameOf({ env, flags }), "from-flag");
  assert.equal((await load(yaml, { env, flags })).nodes[0].maxPods, 7);
});

Deno.test("loadConfig() takes a range of addresses for pods, if it has some", async () => {
  const node = (range: string) =>
    load(`${header}nodes: [{ name: a, wasm: { podCIDR: ${range} } }]`);
  const { nodes: [{ wasm }] } = await node("10.88.0.0/16");
  assert.equal(wasm.podCIDR, "10.88.0.0/16");
  for (const range of ["10.88.0.1/16", "10.88.0.0/32", "10.88.0.0"]) {
    await assert.rejects(
      node(range),
      /nodes\[0\]\.wasm\.podCIDR: expected a range of at least 4 addresses/,
    );
  }
});

Deno.test("loadConfig() takes a wasmtime, where that is the engine", async () => {
  const node = (wasm: string) => `${header}nodes: [{ wasm: { ${wasm} } }]`;
  const yaml = node("engine: wasmtime, wasmtime: bin/wasmtime");
  const { nodes: [{ wasm }] } = await load(yaml);
  assert.equal(wasm.engine, "wasmtime");
  assert.match(wasm.wasmtime ?? "", /^\/.*\/bin\/wasmtime$/);
  await assert.rejects(
    load(node("wasmtime: /bin/wasmtime")),
    /nodes\[0\]\.wasm\.wasmtime: only for `engine: wasmtime`/,
  );
});

Deno.test("loadConfig() takes Virtual Kubelet's variables", async () => {
  const config = await load(`${header}nodes: [{ provider: memory }]`, {
    env: {
      KUBELET_PORT: "10255",
      VKUBELET_POD_IP: "10.1.2.3",
      VKUBELET_TAINT_EFFECT: "NoExecute",
      DEFAULT_NODE_NAME: "vk",
    },
  });
  const [node] = config.nodes;
  assert.equal(config.kubelet.port, 10255);
  assert.equal(node.ip, "10.1.2.3");
  assert.equal(node.name, "vk");
  assert.deepEqual(node.taints, [{
    key: "virtual-kubelet.io/provider",
    value: "memory",
    effect: "NoExecute",
  }]);
});

Deno.test("loadConfig() reads taints as text, as objects, and null as none", async () => {
  const taints = async (yaml: string, flags = {}) =>
    (await load(`${header}nodes:\n- name: a\n  taints: ${yaml}`, { flags }))
      .nodes[0].taints;
  assert.deepEqual(await taints("['a.io/b=c:NoSchedule', 'd:NoExecute']"), [
    { key: "a.io/b", value: "c", effect: "NoSchedule" },
    { key: "d", effect: "NoExecute" },
  ]);
  assert.deepEqual(await taints("[{ key: a, effect: PreferNoSchedule }]"), [
    { key: "a", effect: "PreferNoSchedule" },
  ]);
  assert.deepEqual(await taints(""), []);
  assert.deepEqual(await taints("[]"), []);
  assert.deepEqual(await taints("['a:NoExecute']", { "--no-taint": "" }), []);
});

Deno.test("loadConfig() takes Virtual Kubelet's flags for the kubelet API", async () => {
  const { kubelet } = await load(header, {
    flags: {
      "--client-verify-ca <file>": "/ca.crt",
      "--authentication-token-webhook-cache-ttl <duration>": "1m30s",
      "--authorization-webhook-cache-authorized-ttl <duration>": "10s",
      "--authorization-webhook-cache-unauthorized-ttl <duration>": "0s",
      "--stream-idle-timeout <duration>": "30s",
      "--no-server-tls-bootstrap": "",
    },
  });
  assert.equal(kubelet.clientCaFile, "/ca.crt");
  assert.equal(kubelet.authentication.webhook.cacheTTL, 90_000);
  assert.deepEqual(kubelet.authorization.webhook, {
    cacheAuthorizedTTL: 10_000,
    cacheUnauthorizedTTL: 0,
  });
  assert.equal(kubelet.streamingConnectionIdleTimeout, 30_000);
  assert.equal(kubelet.serverTLSBootstrap, false);
});

Deno.test("loadConfig() refuses to leave clients unverified", async () => {
  await assert.rejects(
    load(header, { flags: { "--no-verify-clients": "" } }),
    /^ConfigError: Cannot use --no-verify-clients: .*anonymous\.enabled/,
  );
});

Deno.test("loadConfig() resolves paths of a file against its directory", async () => {
  const config = await load(
    `${header}kubeconfig: k.yaml\nnodes: [{ name: a, wasm: { allowLocalModules: [m] } }]`,
    { flags: { "--state-dir <dir>": "/elsewhere" } },
  );
  assert.match(config.kubeconfig ?? "", /^\/.*\/k\.yaml$/);
  assert.match(config.nodes[0].wasm.allowLocalModules[0] ?? "", /^\/.*\/m$/);
  assert.equal(config.stateDir, "/elsewhere");
});

Deno.test("loadConfig() resolves paths of flags against the working directory", async () => {
  const config = await load(`${header}`, {
    flags: {
      "--allow-local-modules <dir>": ["x", "/y"],
      "--kubeconfig <file>": "k.yaml",
    },
    env: { FARLET_STATE_DIR: "state" },
  });
  const cwd = Deno.cwd();
  assert.deepEqual(config.nodes[0].wasm.allowLocalModules, [`${cwd}/x`, "/y"]);
  assert.equal(config.kubeconfig, `${cwd}/k.yaml`);
  assert.equal(config.stateDir, `${cwd}/state`);
});

const refused: readonly [yaml: string, message: RegExp][] = [
  ["a: [", /Cannot use ".*agent\.yaml": .*line 1/],
  ["", /expected one AgentConfiguration/],
  ["kind: Pod", /apiVersion: missing: expected farlet\.dev\/v1alpha1/],
  ["[]", /expected a map with the fields apiVersion, kind/],
  [
    `${header}stateDri: /x`,
    /agent\.yaml": unknown field "stateDri"; known here are .*stateDir/,
  ],
  [`${header}kubelet: { prot: 1 }`, /kubelet: unknown field "prot".*port/],
  [`${header}kubelet: { port: 70000 }`, /kubelet\.port: .*not 70000/],
  [`${header}kubelet: { tlsKeyFile: k }`, /kubelet: tlsCertFile and .*both/],
  [
    `${header}kubelet: { authentication: { webhook: { cacheTTL: 10 } } }`,
    /webhook\.cacheTTL: expected a duration such as 2m0s, not 10/,
  ],
  [
    `${header}kubelet: { streamingConnectionIdleTimeout: 0s }`,
    /IdleTimeout: expected a duration such as 4h0m0s of at least 1s, not "0s"/,
  ],
  [
    `${header}kubelet: { serverTLSBootstrap: "yes" }`,
    /serverTLSBootstrap: expected true or false, not "yes"/,
  ],
  [
    `${header}kubelet: { authentication: { anonymous: true } }`,
    /authentication\.anonymous: expected a map with the fields enabled/,
  ],
  [`${header}nodes: []`, /nodes: expected at least one node/],
  [`${header}nodes: [{name: a}, {name: b}]`, /one wasm node, not two/],
  [
    `${header}nodes: [{name: a}, {name: a, provider: memory}]`,
    /nodes\[1\]\.name: "a" is the name of another node/,
  ],
  [`${header}nodes: [{name: A_b}]`, /nodes\[0\]\.name: expected lower-case/],
  [
    `${header}nodes: [{name: a, provider: docker}]`,
    /wasm or ssh or memory, not/,
  ],
  [
    `${header}nodes: [{name: a, provider: ssh}]`,
    /nodes\[0\]\.ssh: missing: .*ssh\.host/,
  ],
  [
    `${header}nodes: [{name: a, ssh: {host: b}}]`,
    /\.ssh: only a node with .provider: ssh/,
  ],
  [
    `${header}nodes: [{name: a, provider: ssh, ssh: {host: -oProxyCommand=x}}]`,
    /ssh\.host: expected a host name/,
  ],
  [`${header}nodes: [{name: a, ip: here}]`, /nodes\[0\]\.ip: .*10\.0\.0\.5/],
  [`${header}nodes: [{name: a, labels: {x: 1}}]`, /labels\.x: .*in quotes/],
  [`${header}nodes: [{name: a, labels: {'a b': x}}]`, /label keys.*"a b"/],
  [`${header}nodes: [{name: a, taints: [nonsense]}]`, /taints\[0\]: .*key=val/],
  [`${header}nodes: [{name: a, maxPods: 0}]`, /maxPods: .*at least 1, not 0/],
  [
    `${header}nodes: [{name: a, systemReserved: {cpu: -1}}]`,
    /systemReserved\.cpu: expected a quantity such as 500m, not -1/,
  ],
  [
    `${header}nodes: [{name: a, systemReserved: {cpu: '-1'}}]`,
    /systemReserved\.cpu: expected a quantity such as 500m, not "-1"/,
  ],
  [
    `${header}nodes: [{name: a, systemReserved: {pid: '1'}}]`,
    /systemReserved: unknown field "pid"; known here are cpu, memory/,
  ],
  [
    `${header}nodes: [{name: a, eviction: {hard: {memory: 1Gi}}}]`,
    /eviction\.hard: unknown field "memory"; known here are memory\.available/,
  ],
  [
    `${header}nodes: [{name: a, eviction: {hard: {memory.available: much}}}]`,
    /hard\.memory\.available: expected a quantity such as 100Mi or a share/,
  ],
  [
    `${header}nodes: [{name: a, eviction: {soft: {memory.available: 1Gi}}}]`,
    /softGracePeriod: missing: memory\.available/,
  ],
  [`${header}logLevel: loud`, /logLevel: expected debug or .*, not "loud"/],
];
for (const [yaml, message] of refused) {
  const name = yaml.slice(yaml.startsWith(header) ? header.length : 0);
  Deno.test(`loadConfig() refuses ${JSON.stringify(name)}`, async () => {
    const error: unknown = await load(yaml).catch((error) => error);
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, message);
  });
}

Deno.test("loadConfig() reads when pods are evicted", async () => {
  const yaml = `${header}nodes:
- name: a
  eviction:
    hard: { nodefs.available: 5%, memory.available: 0% }
    soft: { memory.available: 1Gi }
    softGracePeriod: { memory.available: 1m30s }
    minimumReclaim: { nodefs.available: 500Mi }
    pressureTransitionPeriod: 30s
- name: b
  provider: memory
  eviction: { hard: {} }
`;
  const { nodes: [first, second] } = await load(yaml);
  assert.deepEqual(first.eviction, {
    thresholds: [
      {
        signal: "nodefs.available",
        amount: { kind: "share", share: 0.05 },
        graceMs: 0,
        minimumReclaim: { kind: "quantity", amount: 500 * 2 ** 20 },
      },
      {
        signal: "memory.available",
        amount: { kind: "quantity", amount: 2 ** 30 },
        graceMs: 90_000,
      },
    ],
    transitionMs: 30_000,
    maxPodGraceSeconds: 0,
  });
  assert.deepEqual(second?.eviction.thresholds, []);
  const flag = "--eviction-hard <thresholds>";
  const flags = { [flag]: "nodefs.available<2%, memory.available<1Mi" };
  const { nodes } = await load(yaml, { flags });
  assert.deepEqual(
    nodes.map(({ eviction }) => eviction.thresholds.length),
    [3, 2],
  );
  const none = await load(undefined, { flags: { [flag]: "" } });
  assert.deepEqual(none.nodes[0].eviction.thresholds, []);
  await assert.rejects(
    load(undefined, { flags: { [flag]: "nodefs.available=2%" } }),
    /Cannot use --eviction-hard: .*a map with the fields memory/,
  );
});

Deno.test("loadConfig() names the flag or the variable that is wrong", async () => {
  await assert.rejects(
    load(undefined, { flags: { "--kubelet-port <port>": "x" } }),
    /^ConfigError: Cannot use --kubelet-port: kubelet\.port: expected a port from 0 to 65535, not "x"$/,
  );
  await assert.rejects(
    load(undefined, { env: { VKUBELET_POD_IP: "me" } }),
    /Cannot use VKUBELET_POD_IP: nodes\[0\]\.ip: expected an IP address/,
  );
});

Deno.test("loadConfig() names a file that is not there", async () => {
  await assert.rejects(
    loadConfig({ file: "/nowhere/agent.yaml", flags: new Map(), env: {} }),
    /Cannot read "\/nowhere\/agent\.yaml": there is no such file/,
  );
});

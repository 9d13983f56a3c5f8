import assert from "node:assert/strict";
import { ConfigError } from "../async/config_error.ts";
import { loadCredentials } from "./kubeconfig.ts";

const { signal } = new AbortController();

const valid = {
  "clusters": [{ name: "c", cluster: { server: "https://10.0.0.1:6443/" } }],
  "users": [{ name: "u", user: { token: "secret" } }],
  "contexts": [{
    name: "x",
    context: { cluster: "c", user: "u", namespace: "shop" },
  }],
  "current-context": "x",
};

/** A folder with one kubeconfig, gone with the scope. */
async function kubeconfig(content: unknown) {
  const dir = await Deno.makeTempDir();
  const file = `${dir}/config`;
  const text = typeof content === "string" ? content : JSON.stringify(content);
  await Deno.writeTextFile(file, text);
  return {
    dir,
    file,
    load: () => loadCredentials({ kubeconfig: file, env: {} }),
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

async function authorization(
  { authorize }: Awaited<ReturnType<typeof loadCredentials>>,
  fresh = false,
): Promise<Record<string, string>> {
  const headers = new Headers();
  await authorize(headers, { signal, fresh });
  return Object.fromEntries(headers);
}

function withUser(user: unknown) {
  return { ...valid, users: [{ name: "u", user }] };
}

function withCluster(fields: unknown) {
  const cluster = Object.assign({ server: "https://10.0.0.1" }, fields);
  return { ...valid, clusters: [{ name: "c", cluster }] };
}

Deno.test("loadCredentials() takes server, namespace and token of the current context", async () => {
  await using config = await kubeconfig(valid);
  const credentials = await config.load();
  assert.equal(credentials.server, "https://10.0.0.1:6443");
  assert.equal(credentials.namespace, "shop");
  assert.equal(credentials.context, "x");
  assert.deepEqual(await authorization(credentials), {
    authorization: "Bearer secret",
  });
  assert.match(credentials.describe(), /context "x" of kubeconfig ".*config"/);
});

Deno.test("loadCredentials() reads YAML", async () => {
  await using config = await kubeconfig(`
# a comment
current-context: x
clusters: [{name: c, cluster: {server: "http://localhost:8001"}}]
contexts:
- name: x
  context: {cluster: c}
`);
  const credentials = await config.load();
  assert.equal(credentials.server, "http://localhost:8001");
  assert.equal(credentials.namespace, "default");
  assert.deepEqual(await authorization(credentials), {});
});

Deno.test("loadCredentials() merges the files of KUBECONFIG, the first of a name wins", async () => {
  await using first = await kubeconfig({
    ...valid,
    users: [],
    clusters: [{ name: "c", cluster: { server: "https://first" } }],
  });
  await using second = await kubeconfig({ ...valid, "current-context": "y" });
  const files = [first.file, `${first.dir}/missing`, second.file];
  const separator = Deno.build.os === "windows" ? ";" : ":";
  const credentials = await loadCredentials({
    env: { KUBECONFIG: files.join(separator) },
  });
  assert.equal(credentials.server, "https://first");
  assert.equal(credentials.context, "x");
  assert.deepEqual(await authorization(credentials), {
    authorization: "Bearer secret",
  });
});

Deno.test("loadCredentials() falls back to ~/.kube/config", async () => {
  await using home = await kubeconfig("");
  await Deno.mkdir(`${home.dir}/.kube`);
  await Deno.writeTextFile(
    `${home.dir}/.kube/config`,
    JSON.stringify(valid),
  );
  const { server } = await loadCredentials({ env: { HOME: home.dir } });
  assert.equal(server, "https://10.0.0.1:6443");
});

Deno.test("loadCredentials() reads a tokenFile relative to the kubeconfig, again when told to", async () => {
  await using config = await kubeconfig(withUser({ tokenFile: "token" }));
  await Deno.writeTextFile(`${config.dir}/token`, "one\n");
  const credentials = await config.load();
  assert.deepEqual(await authorization(credentials), {
    authorization: "Bearer one",
  });
  await Deno.writeTextFile(`${config.dir}/token`, "two\n");
  assert.deepEqual(await authorization(credentials, true), {
    authorization: "Bearer two",
  });
});

Deno.test("loadCredentials() sends basic authentication and impersonation", async () => {
  await using config = await kubeconfig(withUser({
    username: "u",
    password: "p",
    as: "admin",
    "as-groups": ["a", "b"],
  }));
  assert.deepEqual(await authorization(await config.load()), {
    "authorization": "Basic dTpw",
    "impersonate-user": "admin",
    "impersonate-group": "a, b",
  });
});

const plugin = (script: string) =>
  withUser({
    exec: {
      apiVersion: "client.authentication.k8s.io/v1",
      command: "./plugin",
      args: [script],
      env: [{ name: "WHO", value: "me" }],
      installHint: "install it",
    },
  });

async function addPlugin(dir: string): Promise<void> {
  await Deno.writeTextFile(`${dir}/plugin`, '#!/bin/sh\neval "$1"\n');
  await Deno.chmod(`${dir}/plugin`, 0o700);
}

Deno.test({
  name:
    "loadCredentials() runs an exec plugin, once until its token is refused",
  ignore: Deno.build.os === "windows",
  async fn() {
    const script =
      'echo run >> "$0.runs"; echo "{\\"status\\":{\\"token\\":\\"$WHO-$(wc -l < $0.runs | tr -d \' \')\\"}}"';
    await using config = await kubeconfig(plugin(script));
    await addPlugin(config.dir);
    const credentials = await config.load();
    const one = { authorization: "Bearer me-1" };
    assert.deepEqual(await authorization(credentials), one);
    assert.deepEqual(await authorization(credentials), one);
    assert.deepEqual(await authorization(credentials, true), {
      authorization: "Bearer me-2",
    });
  },
});

Deno.test({
  name: "loadCredentials() says why an exec plugin fails, and its install hint",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using config = await kubeconfig(plugin("echo no login >&2; exit 3"));
    await addPlugin(config.dir);
    await assert.rejects(
      config.load(),
      /users\[u\].user.exec does not work: Cannot log in with ".*plugin": no login install it$/,
    );
    await Deno.remove(`${config.dir}/plugin`);
    await assert.rejects(config.load(), /ENOENT.* install it$/);
  },
});

Deno.test("loadCredentials() gives an OIDC token", async () => {
  const claims = btoa(JSON.stringify({ exp: 4_000_000_000 }));
  const token = `e30.${claims.replaceAll("=", "")}.sig`;
  await using config = await kubeconfig(withUser({
    "auth-provider": {
      name: "oidc",
      config: { "idp-issuer-url": "https://idp", "id-token": token },
    },
  }));
  assert.deepEqual(await authorization(await config.load()), {
    authorization: `Bearer ${token}`,
  });
});

Deno.test("loadCredentials() prefers a kubeconfig to the pod it runs in", async () => {
  await using config = await kubeconfig(valid);
  const env = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBECONFIG: config.file };
  assert.equal((await loadCredentials({ env })).context, "x");
});

const wrong: [string, unknown, RegExp][] = [
  ["an empty file", "", /"[^"]+config": it is empty$/],
  ["a text", "hello", /it is not a mapping of clusters, users and contexts$/],
  ["no YAML", "a: [", /it is not YAML: Flow sequence/],
  [
    "no current-context",
    { ...valid, "current-context": "" },
    /current-context is missing: choose one of x with "kubectl config use-context"$/,
  ],
  [
    "an unknown current-context",
    { ...valid, "current-context": "z" },
    /current-context "z" is not there: choose one of x$/,
  ],
  [
    "a context without its cluster",
    { ...valid, clusters: [] },
    /contexts\[x\].context.cluster names "c", which is not among the clusters: \(there are none\)$/,
  ],
  [
    "a context without its user",
    { ...valid, users: [] },
    /contexts\[x\].context.user names "u", which is not among the users/,
  ],
  [
    "a list that is none",
    { ...valid, clusters: "c" },
    /clusters must be a list$/,
  ],
  [
    "an entry without name",
    { ...valid, clusters: [{}] },
    /clusters\[0\].name is missing/,
  ],
  [
    "an entry that is a text",
    { ...valid, clusters: ["c"] },
    /clusters\[0\] must be a mapping$/,
  ],
  [
    "no server",
    withCluster({ server: "" }),
    /clusters\[c\].cluster.server is missing: give the API server's URL$/,
  ],
  [
    "a server without scheme",
    withCluster({ server: "10.0.0.1:6443" }),
    /clusters\[c\].cluster.server must be an https URL, not "10.0.0.1:6443"$/,
  ],
  [
    "insecure-skip-tls-verify",
    withCluster({ "insecure-skip-tls-verify": true }),
    /insecure-skip-tls-verify is not supported: put .* into certificate-authority-data$/,
  ],
  [
    "tls-server-name",
    withCluster({ "tls-server-name": "a" }),
    /tls-server-name is not supported: use/,
  ],
  [
    "a CA that is not base64",
    withCluster({ "certificate-authority-data": "%" }),
    /certificate-authority-data must be base64$/,
  ],
  [
    "a CA that is no PEM",
    withCluster({ "certificate-authority-data": btoa("x") }),
    /certificate-authority has no PEM certificate$/,
  ],
  [
    "a missing CA file",
    withCluster({ "certificate-authority": "ca.crt" }),
    /certificate-authority names "\/.*\/ca.crt", which does not exist$/,
  ],
  [
    "a missing client-key file",
    withUser({ "client-certificate-data": btoa("x"), "client-key": "k.pem" }),
    /users\[u\].user.client-key names "\/.*\/k.pem", which does not exist$/,
  ],
  [
    "a certificate without key",
    withUser({ "client-certificate-data": btoa("x") }),
    /users\[u\].user.client-key is missing beside client-certificate$/,
  ],
  [
    "a certificate that is none",
    withUser({
      "client-certificate-data": btoa("x"),
      "client-key-data": btoa("y"),
    }),
    /context "x" of kubeconfig ".*": its certificates or its proxy-url are wrong/,
  ],
  [
    "a token that is a number",
    withUser({ token: 5 }),
    /users\[u\].user.token must be a text$/,
  ],
  [
    "a missing tokenFile",
    withUser({ tokenFile: "/nowhere/token" }),
    /tokenFile names "\/nowhere\/token", which does not exist$/,
  ],
  [
    "an auth-provider of the past",
    withUser({ "auth-provider": { name: "gcp" } }),
    /auth-provider.name "gcp" is gone since Kubernetes 1.26: use an exec plugin$/,
  ],
  [
    "an exec plugin without command",
    withUser({ exec: {} }),
    /users\[u\].user.exec.command is missing: name the program to run$/,
  ],
];
for (const [name, content, want] of wrong) {
  Deno.test(`loadCredentials() refuses ${name}, and names file, field and remedy`, async () => {
    await using config = await kubeconfig(content);
    await assert.rejects(config.load(), (error) => {
      assert.ok(error instanceof ConfigError, `${error}`);
      assert.match(error.message, want);
      assert.ok(error.message.includes(config.file), error.message);
      return true;
    });
  });
}

Deno.test("loadCredentials() refuses a file that does not exist, or is a folder", async () => {
  const missing = { kubeconfig: "/nowhere/config", env: {} };
  await assert.rejects(loadCredentials(missing), {
    name: "ConfigError",
    message:
      'Cannot use kubeconfig "/nowhere/config": it does not exist; name another with --kubeconfig or KUBECONFIG',
  });
  await assert.rejects(
    loadCredentials({ env: { KUBECONFIG: "/nowhere/config" } }),
    /does not exist/,
  );
  await assert.rejects(
    loadCredentials({ kubeconfig: "/", env: {} }),
    /it is a directory/,
  );
});

Deno.test("loadCredentials() says what to do when there is no cluster at all", async () => {
  await assert.rejects(loadCredentials({ env: {} }), {
    name: "ConfigError",
    message: /name a kubeconfig with --kubeconfig or KUBECONFIG$/,
  });
});

import assert from "node:assert/strict";
import type { Secret } from "../k8s/types.ts";
import { desiredPod } from "./pod_spec.ts";
import { pullCredentials } from "./pull_secrets.ts";

function secret(name: string, user: string): Secret {
  const auths = { "quay.io": { auth: btoa(`${user}:p`) } };
  return {
    metadata: { name },
    type: "kubernetes.io/dockerconfigjson",
    data: { ".dockerconfigjson": btoa(JSON.stringify({ auths })) },
  };
}

async function pull(
  names: readonly string[],
  known: Readonly<Record<string, Secret | Error>>,
) {
  const warnings: string[] = [];
  const asked: string[] = [];
  const credentials = await pullCredentials(
    desiredPod({
      metadata: { uid: "u", name: "web" },
      spec: {
        containers: [],
        imagePullSecrets: names.map((name) => ({ name })),
      },
    }),
    "quay.io/a/b:1",
    {
      objects: {
        secret: (_pod, name) => {
          asked.push(name);
          const found = known[name];
          return found instanceof Error
            ? Promise.reject(found)
            : Promise.resolve(found);
        },
      },
      warn: (message) => warnings.push(message),
      signal: new AbortController().signal,
    },
  );
  const users = credentials.map(({ credentials: found }) =>
    found.kind === "password" ? found.username : found.kind
  );
  return { users, warnings, asked };
}

Deno.test("pullCredentials() tries the secrets in the order of the pod, each once", async () => {
  const known = { a: secret("a", "ann"), b: secret("b", "bob") };
  assert.deepEqual(await pull(["b", "a", "b"], known), {
    users: ["bob", "ann"],
    warnings: [],
    asked: ["b", "a"],
  });
});

Deno.test("pullCredentials() asks for nothing where the pod names nothing", async () => {
  assert.deepEqual(await pull([], {}), { users: [], warnings: [], asked: [] });
});

Deno.test("pullCredentials() warns as the kubelet of what is missing, and does without", async () => {
  const known = { a: secret("a", "ann"), gone: new Error("forbidden") };
  const { users, warnings } = await pull(["none", "a", "gone"], known);
  assert.deepEqual(users, ["ann"]);
  assert.deepEqual(warnings, [
    "Unable to retrieve some image pull secrets (none, gone); attempting to pull the image may not succeed.",
  ]);
});

Deno.test("pullCredentials() warns of a secret that it cannot read, and does without", async () => {
  const broken = { ...secret("b", "bob"), data: { ".dockerconfigjson": "!" } };
  const { users, warnings } = await pull(["b", "a"], {
    a: secret("a", "ann"),
    b: broken,
  });
  assert.deepEqual(users, ["ann"]);
  assert.deepEqual(warnings, [
    'Cannot read image pull secret "b": its .dockerconfigjson is not a Docker configuration',
  ]);
});

Deno.test("pullCredentials() names the Secret of what opens a registry, and tells its content from others", async () => {
  const find = async (user: string, name = "a") => {
    const { metadata, ...content } = secret(name, user);
    const known = {
      ...content,
      metadata: { ...metadata, namespace: "shop", uid: `uid of ${name}` },
    };
    const [found] = await pullCredentials(
      desiredPod({
        metadata: { uid: "u", name: "web", namespace: "shop" },
        spec: { containers: [], imagePullSecrets: [{ name }] },
      }),
      "quay.io/a/b:1",
      {
        objects: { secret: () => Promise.resolve(known) },
        warn: assert.fail,
        signal: new AbortController().signal,
      },
    );
    return found?.secret;
  };
  const ann = await find("ann");
  const { hash = "", ...named } = ann ?? {};
  assert.deepEqual(named, { namespace: "shop", name: "a", uid: "uid of a" });
  assert.match(hash, /^[0-9a-f]{64}$/);
  assert.equal((await find("ann", "b"))?.hash, hash);
  assert.notEqual((await find("bob"))?.hash, hash);
});

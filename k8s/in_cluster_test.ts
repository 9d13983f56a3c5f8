import assert from "node:assert/strict";
import { inClusterCredentials } from "./in_cluster.ts";
import { tokenFile } from "./bearer_token.ts";

const { signal } = new AbortController();

async function serviceAccount() {
  const dir = await Deno.makeTempDir();
  await Deno.writeTextFile(`${dir}/token`, "one\n");
  await Deno.writeTextFile(`${dir}/ca.crt`, "PEM");
  await Deno.writeTextFile(`${dir}/namespace`, "kube-system");
  return {
    dir,
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

Deno.test("inClusterCredentials() reads the service account, also behind an IPv6 address", async () => {
  await using account = await serviceAccount();
  const credentials = await inClusterCredentials({
    KUBERNETES_SERVICE_HOST: "fd00::1",
    KUBERNETES_SERVICE_PORT: "6443",
  }, account.dir);
  assert.equal(credentials.server, "https://[fd00::1]:6443");
  assert.equal(credentials.namespace, "kube-system");
  assert.deepEqual(credentials.caCertificates, ["PEM"]);
  const headers = new Headers();
  await credentials.authorize(headers, { signal });
  assert.equal(headers.get("authorization"), "Bearer one");
});

Deno.test("inClusterCredentials() names the file that is missing, and the remedy", async () => {
  await using account = await serviceAccount();
  await Deno.remove(`${account.dir}/token`);
  await assert.rejects(
    inClusterCredentials({ KUBERNETES_SERVICE_HOST: "10.0.0.1" }, account.dir),
    /^ConfigError: .*token" is not readable; mount its token/,
  );
});

Deno.test("tokenFile() reads the file anew after a minute", async () => {
  await using account = await serviceAccount();
  let now = 0;
  const token = tokenFile(`${account.dir}/token`, () => now);
  assert.equal(await token({ signal }), "one");
  await Deno.writeTextFile(`${account.dir}/token`, "two\n");
  now = 59_999;
  assert.equal(await token({ signal }), "one");
  now = 60_000;
  assert.equal(await token({ signal }), "two");
});

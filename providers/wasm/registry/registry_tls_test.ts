import assert from "node:assert/strict";
import { join } from "node:path";
import { parseImageName } from "../../image_name.ts";
import { pullImage } from "../image_puller.ts";
import { ModuleStore } from "../modules.ts";
import { RegistryClient } from "./registry_client.ts";
import { readRegistryTrust } from "./registry_trust.ts";

const { signal } = new AbortController();

async function openssl(cwd: string, args: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", {
    args: args.split(" "),
    cwd,
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

const newKey = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";

Deno.test("pullImage() trusts the authority that this machine names for a registry", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await openssl(
      dir,
      `req -x509 ${newKey} -keyout ca.key -out ca.crt -subj /CN=ca`,
    );
    await openssl(
      dir,
      `req -x509 -CA ca.crt -CAkey ca.key ${newKey} -keyout key -out cert -subj /CN=r -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE`,
    );
    await using server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      cert: await Deno.readTextFile(join(dir, "cert")),
      key: await Deno.readTextFile(join(dir, "key")),
      onListen() {},
    }, () => Response.json({ errors: [] }, { status: 404 }));
    const registry = `127.0.0.1:${server.addr.port}`;
    const store = new ModuleStore({ stateDir: dir, allowLocalModules: [] });
    const pull = () =>
      pullImage(`${registry}/app`, {
        ...{ store, env: { HOME: dir }, signal },
      });
    await assert.rejects(
      pull(),
      new RegExp(
        `signed by an unknown authority; put the certificate of its authority into /etc/containers/certs.d/${registry}/ca.crt$`,
      ),
    );
    const place = join(dir, ".config/containers/certs.d", registry);
    await Deno.mkdir(place, { recursive: true });
    await Deno.rename(join(dir, "ca.crt"), join(place, "ca.crt"));
    await assert.rejects(pull(), /: not found$/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("readRegistryTrust() reads what Docker and Podman are told of a registry", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const env = { HOME: "/nonexistent", XDG_CONFIG_HOME: dir };
    assert.deepEqual(await readRegistryTrust("r:1", env), { caCerts: [] });
    const place = join(dir, "docker", "certs.d", "r:1");
    await Deno.mkdir(place, { recursive: true });
    for (const name of ["a.crt", "b.crt", "own.cert", "own.key", "other"]) {
      await Deno.writeTextFile(join(place, name), name);
    }
    assert.deepEqual(await readRegistryTrust("r:1", env), {
      caCerts: ["a.crt", "b.crt"],
      client: { cert: "own.cert", key: "own.key" },
    });
    assert.deepEqual(await readRegistryTrust("r:2", env), { caCerts: [] });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("RegistryClient speaks plain HTTP only with registries that may do without TLS", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("{}"),
  );
  // A name that is not one of those of this machine.
  const name = parseImageName(`[::ffff:7f00:1]:${server.addr.port}/app`);
  await assert.rejects(
    new RegistryClient(name).manifest("latest", { signal }),
    /it speaks HTTP without TLS; to use it so, name it as an insecure registry/,
  );
  const insecure = new RegistryClient(name, { insecure: true });
  const { bytes } = await insecure.manifest("latest", { signal });
  assert.equal(new TextDecoder().decode(bytes), "{}");
});

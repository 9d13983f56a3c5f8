import assert from "node:assert/strict";
import { needing } from "../../../tests/needing.ts";
import { sshdMissing } from "../../../tests/sshd.ts";
import {
  sshHostsMissing,
  startHost,
  type TestHost,
} from "../../../tests/ssh_hosts.ts";
import { RuntimeError } from "../../errors.ts";
import type { PullProgress, RegistryCredentials } from "../../runtime.ts";
import { targetOf } from "../test_bench.ts";
import { connectHost } from "../transport/ssh_host.ts";
import { openEngine } from "./discover.ts";
import { EngineError } from "./engine_error.ts";
import { findImage, pullImage } from "./images.ts";
import { EngineHost } from "./test_engine_host.ts";
import { TestRegistry } from "./test_registry.ts";

const nobody = () => AbortSignal.timeout(60_000);

function isRuntimeError(reason: string, message: RegExp) {
  return (error: unknown) =>
    error instanceof RuntimeError && error.reason === reason &&
    message.test(error.message);
}

for (
  const [given, want] of [
    ["", undefined],
    ["0:0", undefined],
    ["1000:1000", 1000],
    ["nginx", "nginx"],
    ["root", "root"],
  ] as const
) {
  Deno.test(`findImage() reads the user "${given}" of an image as a kubelet's runtime does`, async () => {
    const image = { Id: "sha256:11", Config: { User: given } };
    const engine = {
      info: { kind: "docker" },
      inspectImage: () => Promise.resolve(image),
    };
    const found = await findImage(engine as never, "app:1", {
      signal: nobody(),
    });
    assert.equal(found?.user, want);
  });
}

/** The host's Podman talks to the registry without TLS. */
async function allowPlainHttp(
  machine: TestHost,
  { address }: TestRegistry,
): Promise<void> {
  const path = "/etc/containers/registries.conf.d";
  await machine.shell(
    `mkdir -p ${path} && mount -t tmpfs tmpfs ${path} &&
    printf '[[registry]]\\nlocation = "%s"\\ninsecure = true\\n' '${address}' > ${path}/test.conf`,
  );
}

Deno.test({
  ...needing(
    sshHostsMissing(),
    "pullImage() tries credentials in turn and then none, and tells the progress",
  ),
  async fn() {
    await using machine = await startHost();
    await using registry = new TestRegistry(machine.gateway);
    await allowPlainHttp(machine, registry);
    const signal = nobody();
    await using host = connectHost(targetOf(machine), { signal });
    await host.connected({ signal });
    const engine = await openEngine(host, { signal });
    const image = `${registry.address}/${registry.image}`;
    const { username, password } = registry;
    const right: RegistryCredentials = { kind: "password", username, password };
    const wrong = { ...right, password: "guess" };

    assert.equal(await findImage(engine, image, { signal }), undefined);
    for (const credentials of [[], [wrong]]) {
      await assert.rejects(
        pullImage(engine, image, { credentials, signal }),
        isRuntimeError("ErrImagePull", /unauthorized|authentication|who are/i),
      );
    }
    assert.equal(registry.askers.includes(username), true);
    assert.equal(registry.askers.includes("nobody"), true);

    registry.slow = true;
    const progress: PullProgress[] = [];
    const pulled = await pullImage(engine, image, {
      credentials: [wrong, right],
      onProgress(each) {
        progress.push(each);
        if (each.doneBytes > 0) registry.slow = false;
      },
      signal,
    });
    const first = progress.find(({ doneBytes }) => doneBytes > 0);
    assert.equal(first?.totalBytes, registry.layerBytes);
    assert.equal(first.doneBytes < first.totalBytes, true);
    assert.deepEqual(progress.at(-1), {
      doneBytes: registry.layerBytes,
      totalBytes: registry.layerBytes,
    });
    assert.equal(
      pulled.imageId,
      `${registry.address}/team/app@${registry.digest}`,
    );
    assert.equal(pulled.user, 4711);
    const { opened, ...local } = pulled;
    assert.equal(opened, right);
    assert.deepEqual(await findImage(engine, image, { signal }), local);
    assert.deepEqual(
      await findImage(engine, pulled.imageId, { signal }),
      local,
    );

    await assert.rejects(
      pullImage(engine, `${registry.address}/team/app:v2`, {
        credentials: [right],
        signal,
      }),
      isRuntimeError("ErrImagePull", /manifest unknown|not found|404/i),
    );
    await engine.removeImage(image, { force: false, signal });
    assert.equal(await findImage(engine, image, { signal }), undefined);

    const aborted = new AbortController();
    const pulling = pullImage(engine, image, {
      credentials: [right],
      onProgress: () => aborted.abort(new Error("no longer wanted")),
      signal: aborted.signal,
    });
    await assert.rejects(pulling, /no longer wanted/);
    engine.closeIdle();
  },
});

Deno.test({
  ...needing(
    sshHostsMissing(),
    "findImage() finds what was built on the host by its short name",
  ),
  async fn() {
    await using machine = await startHost();
    await machine.shell(
      "tar -C /tmp -cf - --files-from /dev/null | podman import - localhost/built:1",
    );
    const signal = nobody();
    await using host = connectHost(targetOf(machine), { signal });
    await host.connected({ signal });
    const engine = await openEngine(host, { signal });
    const found = await findImage(engine, "built:1", { signal });
    assert.match(found?.imageId ?? "", /sha256:/);
    assert.equal(
      await findImage(engine, "docker.io/library/built:1", { signal }),
      undefined,
    );
    engine.closeIdle();
  },
});

Deno.test({
  ...needing(
    sshdMissing(),
    "pullImage() and findImage() refuse names without asking the engine",
  ),
  async fn() {
    const signal = nobody();
    await using stage = await EngineHost.start({ signal });
    const { host, socket } = stage;
    const engine = await openEngine(host, { socket, signal });
    const before = stage.requests.length;
    for (const act of [findImage, pullImage]) {
      await assert.rejects(
        act(engine, "a/b:c:d", { signal }),
        isRuntimeError("InvalidImageName", /invalid reference format/),
      );
    }
    assert.equal(stage.requests.length, before);
    engine.closeIdle();
  },
});

Deno.test({
  ...needing(
    sshdMissing(),
    "pullImage() sends each kind of credentials as engines read them, with padding",
  ),
  async fn() {
    const signal = nobody();
    await using stage = await EngineHost.start({ signal });
    const { host, socket } = stage;
    const engine = await openEngine(host, { socket, signal });
    const sent: unknown[] = [];
    stage.answer((request, path) => {
      if (path !== "/images/create") {
        return Response.json({ message: "no" }, { status: 404 });
      }
      const header = request.headers.get("x-registry-auth");
      if (header !== null) {
        assert.equal(header.length % 4, 0);
        assert.match(header, /^[\w-]+=*$/);
      }
      const json = header &&
        atob(header.replaceAll("-", "+").replaceAll("_", "/"));
      const query = new URL(request.url).searchParams;
      sent.push([
        query.get("fromImage"),
        query.get("tag"),
        json && JSON.parse(json),
      ]);
      return new Response(
        '{"status":"Pulling"}\r\n{"error":"denied: go away"}\r\n',
      );
    });
    await assert.rejects(
      pullImage(engine, "team/app", {
        credentials: [
          {
            kind: "password",
            username: "a",
            password: "ÿ?>".replace("ÿ", "y"),
          },
          { kind: "identityToken", token: "t" },
          { kind: "registryToken", token: "r" },
        ],
        signal,
      }),
      isRuntimeError("ErrImagePull", /^denied: go away$/),
    );
    const serveraddress = "https://index.docker.io/v1/";
    assert.deepEqual(
      sent,
      [
        { username: "a", password: "y?>", serveraddress },
        { identitytoken: "t", serveraddress },
        { registrytoken: "r", serveraddress },
        null,
      ].map((auth) => ["docker.io/team/app", "latest", auth]),
    );
    engine.closeIdle();
  },
});

Deno.test("pullImage() lets registries of the host itself speak plain HTTP", async () => {
  const asked = async (kind: "podman" | "docker", image: string) => {
    let plain: boolean | undefined;
    const engine = {
      info: { kind },
      pullOnce: ({ plainHttp }: { readonly plainHttp: boolean }) => {
        plain = plainHttp;
        return Promise.resolve();
      },
      inspectImage: () => Promise.resolve({ Id: "sha256:1" }),
    } as unknown as Parameters<typeof pullImage>[0];
    await pullImage(engine, image, { signal: nobody() });
    return plain;
  };
  for (const registry of ["localhost:5000", "127.0.0.1", "127.1.2.3:80"]) {
    assert.equal(await asked("podman", `${registry}/a:1`), true, registry);
  }
  for (const registry of ["127.0.0.1.example.com", "localhost.example:1"]) {
    assert.equal(await asked("podman", `${registry}/a:1`), false, registry);
  }
  // Docker knows by itself.
  assert.equal(await asked("docker", "localhost:5000/a:1"), false);
});

Deno.test("pullImage() tells an image that the host does not trust from one that it cannot have", async () => {
  const fails = (engineMessage: string) =>
    ({
      info: { kind: "podman" },
      pullOnce: () =>
        Promise.reject(
          new EngineError("Cannot pull", { status: 500, engineMessage }),
        ),
    }) as unknown as Parameters<typeof pullImage>[0];
  const rejected =
    "Source image rejected: Running image docker://a:1 is rejected by policy.";
  await assert.rejects(
    pullImage(fails(rejected), "a:1", { signal: nobody() }),
    isRuntimeError("SignatureValidationFailed", /rejected by policy/),
  );
  await assert.rejects(
    pullImage(fails("manifest unknown"), "a:1", { signal: nobody() }),
    isRuntimeError("ErrImagePull", /^manifest unknown$/),
  );
});

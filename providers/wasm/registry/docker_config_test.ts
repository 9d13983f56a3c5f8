import assert from "node:assert/strict";
import { join } from "node:path";
import { parseImageName } from "../../image_name.ts";
import { dockerConfigFiles, userCredentials } from "./docker_config.ts";

const { signal } = new AbortController();

Deno.test("dockerConfigFiles() knows where Docker and Podman keep theirs", () => {
  assert.deepEqual(dockerConfigFiles({ HOME: "/h" }), [
    "/h/.docker/config.json",
    "/h/.config/containers/auth.json",
  ]);
  assert.deepEqual(
    dockerConfigFiles({
      HOME: "/h",
      DOCKER_CONFIG: "/d",
      XDG_RUNTIME_DIR: "/r",
    }),
    [
      "/d/config.json",
      "/r/containers/auth.json",
      "/h/.config/containers/auth.json",
    ],
  );
});

async function withConfig(
  config: unknown,
  test: (env: Record<string, string>, dir: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const text = typeof config === "string" ? config : JSON.stringify(config);
    await Deno.writeTextFile(join(dir, "config.json"), text);
    await test({ HOME: dir, DOCKER_CONFIG: dir }, dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("userCredentials() are those of the image's registry", async () => {
  const auths = {
    "https://index.docker.io/v1/": { auth: btoa("hub:h") },
    "a.example": { auth: btoa("a:x:y") },
    "b.example/team": { identitytoken: "id" },
  };
  await withConfig({ auths }, async (env) => {
    const of = (image: string) =>
      userCredentials(parseImageName(image), { env, signal });
    assert.deepEqual(await of("busybox"), [
      { kind: "password", username: "hub", password: "h" },
    ]);
    assert.deepEqual(await of("a.example/x"), [
      { kind: "password", username: "a", password: "x:y" },
    ]);
    assert.deepEqual(await of("b.example/team/x:1"), [
      { kind: "identityToken", token: "id" },
    ]);
    assert.deepEqual(await of("c.example/x"), []);
  });
});

Deno.test("userCredentials() asks the registry's credential helper", async () => {
  await withConfig({
    credsStore: "absent-of-all-machines",
    credHelpers: { "a.example": "farlet-test", "b.example": "../x" },
  }, async (env, dir) => {
    const helper = join(dir, "docker-credential-farlet-test");
    const script = `#!/bin/sh
[ "$1" = get ] || exit 2
read -r server
printf '{"ServerURL":"%s","Username":"%s","Secret":"s"}' "$server" "$server"
`;
    await Deno.writeTextFile(helper, script, { mode: 0o755 });
    const path = `${dir}:${Deno.env.get("PATH")}`;
    const of = (image: string) =>
      userCredentials(parseImageName(image), {
        env: { ...env, PATH: path },
        signal,
      });
    assert.deepEqual(await of("a.example/x"), [
      { kind: "password", username: "a.example", password: "s" },
    ]);
    assert.deepEqual(await of("b.example/x"), [], "no name of a helper");
    assert.deepEqual(await of("c.example/x"), [], "no such helper");
  });
});

Deno.test("userCredentials() does without what it cannot read", async () => {
  await withConfig("no JSON: secret", async (env) => {
    const name = parseImageName("a.example/x");
    assert.deepEqual(await userCredentials(name, { env, signal }), []);
  });
});

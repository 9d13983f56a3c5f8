import assert from "node:assert/strict";
import type { Secret } from "../k8s/types.ts";
import {
  credentialsFor,
  readPullSecret,
  repositoryOf,
} from "./registry_keyring.ts";

const images: readonly (readonly [string, string])[] = [
  ["busybox", "docker.io/library/busybox"],
  ["busybox:1.36", "docker.io/library/busybox"],
  ["docker.io/busybox", "docker.io/library/busybox"],
  ["index.docker.io/library/busybox", "docker.io/library/busybox"],
  ["me/app:1@sha256:abc", "docker.io/me/app"],
  ["localhost/app", "localhost/app"],
  ["localhost:5000/a/b:1", "localhost:5000/a/b"],
  ["quay.io/a/b@sha256:abc", "quay.io/a/b"],
];
for (const [image, want] of images) {
  Deno.test(`repositoryOf() ${image} is ${want}`, () => {
    assert.equal(repositoryOf(image), want);
  });
}

function secretOf(auths: Record<string, unknown>): Secret {
  return {
    metadata: { name: "pull" },
    type: "kubernetes.io/dockerconfigjson",
    data: { ".dockerconfigjson": btoa(JSON.stringify({ auths })) },
  };
}

/** The users to try for an image, of locations that each have their own. */
function users(image: string, ...locations: string[]): readonly string[] {
  const auths = Object.fromEntries(
    locations.map((location) => [location, { auth: btoa(`${location}:x`) }]),
  );
  return credentialsFor(image, readPullSecret(secretOf(auths))).map((found) =>
    found.kind === "password" ? `${found.username}` : found.kind
  );
}

const matches: readonly (readonly [
  image: string,
  locations: readonly string[],
  want: readonly string[],
])[] = [
  ["quay.io/a/b", ["quay.io"], ["quay.io"]],
  ["quay.io/a/b", ["quay.com"], []],
  ["quay.io/a/b", ["quay.io", "quay.io/a", "quay.io/a/b", "quay.io/c"], [
    "quay.io/a/b",
    "quay.io/a",
    "quay.io",
  ]],
  ["a.example.com/b", ["*.example.com"], ["*.example.com"]],
  ["a.b.example.com/b", ["*.example.com"], []],
  ["example.com/b", ["*.example.com"], []],
  ["prod-1.example.com/b", ["prod-*.example.com"], ["prod-*.example.com"]],
  ["exampleacom/b", ["example.com"], []],
  ["quay.io/a/b", ["quay.io/v2/", "quay.io/v1/a"], [
    "quay.io/v1/a",
    "quay.io/v2/",
  ]],
  ["busybox", ["docker.io"], ["docker.io"]],
  ["busybox", ["index.docker.io/v1/"], ["index.docker.io/v1/"]],
  ["me/app", ["index.docker.io"], ["index.docker.io"]],
  ["me/app", ["index.docker.io/v1/", "docker.io/me"], ["docker.io/me"]],
  ["quay.io/a", ["index.docker.io/v1/"], []],
];
for (const [image, locations, want] of matches) {
  Deno.test(`credentialsFor() ${image} of ${locations.join(", ")}: ${want.join(", ") || "none"}`, () => {
    assert.deepEqual(users(image, ...locations), want);
  });
}

Deno.test("credentialsFor() tells ports apart, and takes a location as a URL", () => {
  const auths = {
    "https://reg.example.com:5000": { username: "five", password: "p" },
    "http://reg.example.com": { username: "none", password: "p" },
  };
  const keyring = readPullSecret(secretOf(auths));
  assert.deepEqual(credentialsFor("reg.example.com:5000/a", keyring), [
    { kind: "password", username: "five", password: "p" },
  ]);
  assert.deepEqual(credentialsFor("reg.example.com/a", keyring), [
    { kind: "password", username: "none", password: "p" },
  ]);
});

Deno.test("readPullSecret() knows all that an entry may hold, and `auth` over a name", () => {
  const auths = {
    "a.io": { auth: btoa("user:pass:word"), username: "no", password: "no" },
    "b.io": { auth: btoa("<token>:"), identitytoken: "id" },
    "c.io": { registrytoken: "reg" },
    "d.io": { username: "user", password: "pässword" },
    "e.io": { email: "nobody@e.io" },
  };
  const data = Array.from(
    new TextEncoder().encode(JSON.stringify({ auths })),
    (byte) => String.fromCharCode(byte),
  ).join("");
  const secret = {
    ...secretOf({}),
    data: { ".dockerconfigjson": btoa(data) },
  };
  assert.deepEqual(readPullSecret(secret), [
    {
      scope: "a.io",
      credentials: {
        kind: "password",
        username: "user",
        password: "pass:word",
      },
    },
    { scope: "b.io", credentials: { kind: "identityToken", token: "id" } },
    { scope: "c.io", credentials: { kind: "registryToken", token: "reg" } },
    {
      scope: "d.io",
      credentials: {
        kind: "password",
        username: "user",
        password: "pässword",
      },
    },
  ]);
});

Deno.test("readPullSecret() reads the older form, and nothing of other types", () => {
  const config = btoa(JSON.stringify({ "a.io": { auth: btoa("u:p") } }));
  const old = {
    type: "kubernetes.io/dockercfg",
    data: { ".dockercfg": config },
  };
  assert.deepEqual(readPullSecret(old), [{
    scope: "a.io",
    credentials: { kind: "password", username: "u", password: "p" },
  }]);
  assert.deepEqual(readPullSecret({ ...old, type: "Opaque" }), []);
});

const broken: readonly (readonly [string, string])[] = [
  ["not JSON", '{"auths": secret-word'],
  ["no object", '"secret-word"'],
  ["bad base64", '{"auths":{"a.io":{"auth":"secret-word!"}}}'],
  [
    "no colon",
    JSON.stringify({ auths: { "a.io": { auth: btoa("secret-word") } } }),
  ],
];
for (const [claim, text] of broken) {
  Deno.test(`readPullSecret() fails for ${claim}, and quotes nothing`, () => {
    const data = { ".dockerconfigjson": btoa(text) };
    assert.throws(() => readPullSecret({ ...secretOf({}), data }), (error) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, /^Cannot read image pull secret "pull"/);
      assert.ok(!Deno.inspect(error).includes("secret-word"));
      return true;
    });
  });
}

import assert from "node:assert/strict";
import { UnreachableError } from "../providers/errors.ts";
import { RuntimeError } from "../providers/errors.ts";
import type {
  ContainerRuntime,
  KeptText,
  LocalImage,
  PullOptions,
  RegistryCredentials,
} from "../providers/runtime.ts";
import { ensureImage } from "./images.ts";
import { ImagePulls } from "./image_pulls.ts";
import type { SecretCredentials } from "./pull_secrets.ts";

const { signal } = new AbortController();
type Policy = "Always" | "IfNotPresent" | "Never";

/** A registry that one password opens, and what was fetched from it. */
class Registry {
  readonly pulls: string[] = [];
  readonly here = new Set<string>();
  text = "";
  password: string | undefined;
  failure: Error | undefined;
  findFailure: Error | undefined;
  gate: Promise<void> = Promise.resolve();

  readonly runtime: Pick<
    ContainerRuntime,
    "findImage" | "pullImage" | "checkImageName" | "imageAccess"
  > = {
    checkImageName: (image) => {
      if (image !== image.toLowerCase()) {
        throw new RuntimeError("InvalidImageName", "bad name");
      }
    },
    findImage: (image) => {
      if (this.findFailure) return Promise.reject(this.findFailure);
      return Promise.resolve(this.here.has(image) ? local(image) : undefined);
    },
    pullImage: async (image, { credentials = [] }: PullOptions) => {
      this.pulls.push(image);
      await this.gate;
      if (this.failure) throw this.failure;
      const opened = credentials.find((each) =>
        each.kind === "password" && each.password === this.password
      );
      if (this.password !== undefined && opened === undefined) {
        throw new RuntimeError("ErrImagePull", "unauthorized");
      }
      this.here.add(image);
      return { ...local(image), ...(opened && { opened }) };
    },
    imageAccess: {
      read: () => Promise.resolve(this.text),
      write: (text: string) => {
        this.text = text;
        return Promise.resolve();
      },
    } satisfies KeptText,
  };
  pods = new ImagePulls(this.runtime);

  /** The Events of one attempt, with what came of it last. */
  async ensure(
    image: string,
    pullPolicy: Policy,
    password?: string,
  ): Promise<readonly string[]> {
    const events: string[] = [];
    try {
      await ensureImage({ image, pullPolicy }, {
        runtime: this.runtime,
        pulls: this.pods,
        record: (_type, reason, message) =>
          events.push(
            `${reason} ${message.replaceAll(/\b\d+(\.\d+)?m?s\b/g, "T")}`,
          ),
        credentials: () =>
          Promise.resolve(password === undefined ? [] : [key(password)]),
        signal,
      });
      return [...events, "ok"];
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      return [...events, `${error.reason}: ${error.message}`];
    }
  }
}

function local(image: string): LocalImage {
  return { imageId: `${image}@sha256:1`, sizeBytes: 7 };
}

function key(password: string): SecretCredentials {
  const credentials: RegistryCredentials = {
    kind: "password",
    username: "u",
    password,
  };
  const secret = { namespace: "n", name: password, uid: password };
  return { credentials, secret: { ...secret, hash: password } };
}

const pulling = 'Pulling Pulling image "a"';
const pulled =
  'Pulled Successfully pulled image "a" in T (T including waiting). Image size: 7 bytes.';
const present =
  'Pulled Container image "a" already present on machine and can be accessed by the pod';
const never = 'Container image "a" is not present with pull policy of Never';

Deno.test("ensureImage() records what the kubelet does, for each pull policy", async () => {
  const registry = new Registry();
  assert.deepEqual(await registry.ensure("a", "Never"), [
    `ErrImageNeverPull ${never}`,
    `ErrImageNeverPull: ${never}`,
  ]);
  const first = [pulling, pulled, "ok"];
  assert.deepEqual(await registry.ensure("a", "IfNotPresent"), first);
  assert.deepEqual(await registry.ensure("a", "IfNotPresent"), [present, "ok"]);
  assert.deepEqual(await registry.ensure("a", "Never"), [present, "ok"]);
  assert.deepEqual(await registry.ensure("a", "Always"), first);
});

Deno.test("ensureImage() asks nobody for a name that is none", async () => {
  const registry = new Registry();
  for (const policy of ["Always", "IfNotPresent", "Never"] as const) {
    assert.deepEqual(await registry.ensure("A", policy), [
      "InspectFailed bad name",
      "InvalidImageName: bad name",
    ]);
  }
  const [, failure = ""] = await registry.ensure("", "Always");
  assert.match(failure, /^InvalidImageName: .* invalid reference format$/);
  assert.deepEqual(registry.pulls, []);
});

Deno.test("ensureImage() tells a runtime that cannot look from an image that is not there", async () => {
  const registry = new Registry();
  registry.findFailure = new Error("disk I/O");
  const message = 'Failed to inspect image "a": disk I/O';
  assert.deepEqual(await registry.ensure("a", "IfNotPresent"), [
    `InspectFailed ${message}`,
    `ImageInspectError: ${message}`,
  ]);
});

Deno.test("ensureImage() says in the kubelet's words that a pull failed", async () => {
  const registry = new Registry();
  registry.failure = new RuntimeError("ErrImagePull", "no such manifest");
  assert.deepEqual(await registry.ensure("a", "IfNotPresent"), [
    pulling,
    'Failed Failed to pull image "a": no such manifest',
    "ErrImagePull: no such manifest",
  ]);
  registry.failure = new RuntimeError("SignatureValidationFailed", "rejected");
  assert.deepEqual(await registry.ensure("a", "IfNotPresent"), [
    pulling,
    'Failed Failed to pull image "a": SignatureValidationFailed: rejected',
    "SignatureValidationFailed: image pull failed for a because the signature validation failed: rejected",
  ]);
});

Deno.test("ensureImage() says nothing of a host that cannot be reached", async () => {
  const registry = new Registry();
  registry.failure = new UnreachableError("away");
  await assert.rejects(registry.ensure("a", "Always"), UnreachableError);
});

Deno.test("ensureImage() fetches an image once for pods that want it at the same time", async () => {
  const registry = new Registry();
  const gate = Promise.withResolvers<void>();
  registry.gate = gate.promise;
  const both = Promise.all([
    registry.ensure("a", "IfNotPresent"),
    registry.ensure("a", "IfNotPresent"),
    registry.ensure("b", "IfNotPresent"),
  ]);
  gate.resolve();
  const [one, two] = await both;
  assert.deepEqual(registry.pulls.toSorted(), ["a", "b"]);
  assert.deepEqual(one, [pulling, pulled, "ok"]);
  assert.deepEqual(two, [pulling, present, "ok"]);
});

Deno.test("ensureImage() keeps what a Secret has opened from pods without it, also after a restart of the agent", async () => {
  const registry = new Registry();
  registry.password = "secret";
  assert.equal(
    (await registry.ensure("a", "IfNotPresent", "secret")).at(-1),
    "ok",
  );
  assert.deepEqual(await registry.ensure("a", "IfNotPresent", "secret"), [
    present,
    "ok",
  ]);
  for (const pods of [registry.pods, new ImagePulls(registry.runtime)]) {
    registry.pods = pods;
    assert.deepEqual(await registry.ensure("a", "IfNotPresent"), [
      pulling,
      'Failed Failed to pull image "a": unauthorized',
      "ErrImagePull: unauthorized",
    ]);
    assert.equal(
      (await registry.ensure("a", "Never")).at(-1),
      `ErrImageNeverPull: ${never}`,
    );
  }
  assert.equal(registry.pulls.length, 3);
  assert.ok(!registry.text.includes('"password"'));
  // Its registry has become public: from now on everybody may.
  registry.password = undefined;
  assert.deepEqual(await registry.ensure("a", "IfNotPresent"), [
    pulling,
    pulled,
    "ok",
  ]);
  assert.deepEqual(await registry.ensure("a", "IfNotPresent"), [present, "ok"]);
});

Deno.test("ensureImage() leaves to everybody what was there before or needed no Secret", async () => {
  const registry = new Registry();
  registry.here.add("a");
  assert.deepEqual(await registry.ensure("a", "IfNotPresent"), [present, "ok"]);
  await registry.ensure("b", "IfNotPresent");
  assert.equal(registry.text, "");
});

Deno.test("ensureImage() forgets a pull that failed, and not one of which nobody heard the end", async () => {
  const registry = new Registry();
  registry.failure = new RuntimeError("ErrImagePull", "no");
  await registry.ensure("a", "IfNotPresent", "x");
  registry.here.add("a");
  assert.deepEqual(await registry.ensure("a", "IfNotPresent"), [present, "ok"]);
  registry.failure = new UnreachableError("away");
  await assert.rejects(registry.ensure("b", "IfNotPresent", "x"));
  registry.here.add("b");
  registry.failure = undefined;
  assert.equal((await registry.ensure("b", "IfNotPresent", "x")).length, 3);
});

/** For tests: Debian's `docker-registry` on a port of its own, and how images get into it. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { delay } from "../../../async/delay.ts";
import { missingProgram } from "../../../tests/test_program.ts";

/** What is missing for tests with a registry; FARLET_TEST_REQUIRE=all makes it a failure. */
export function missingRegistry(): string | undefined {
  return missingProgram("docker-registry");
}

/** A layer, or a manifest, as it was pushed. */
export interface Pushed {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** A registry; with a password if `user` is given. */
export class TestRegistry implements AsyncDisposable {
  readonly address: string;
  readonly #process: Deno.ChildProcess;
  readonly #dir: string;
  readonly #authorization: string | undefined;

  private constructor(
    address: string,
    process: Deno.ChildProcess,
    dir: string,
    authorization?: string,
  ) {
    this.address = address;
    this.#process = process;
    this.#dir = dir;
    this.#authorization = authorization;
  }

  static async start(
    user?: {
      readonly username: string;
      readonly bcrypt: string;
      readonly password: string;
    },
  ): Promise<TestRegistry> {
    const dir = await Deno.makeTempDir();
    const address = `127.0.0.1:${freePort()}`;
    const auth = user === undefined
      ? ""
      : `auth:\n  htpasswd:\n    realm: test\n    path: ${dir}/htpasswd\n`;
    if (user !== undefined) {
      await Deno.writeTextFile(
        join(dir, "htpasswd"),
        `${user.username}:${user.bcrypt}\n`,
      );
    }
    await Deno.writeTextFile(
      join(dir, "config.yml"),
      `version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: ${dir}/data\nhttp:\n  addr: ${address}\n${auth}`,
    );
    const process = new Deno.Command("docker-registry", {
      args: ["serve", join(dir, "config.yml")],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const registry = new TestRegistry(
      address,
      process,
      dir,
      user && `Basic ${btoa(`${user.username}:${user.password}`)}`,
    );
    await registry.#untilReady();
    return registry;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await Deno.remove(this.#dir, { recursive: true });
  }

  async pushBlob(
    repository: string,
    bytes: Uint8Array<ArrayBuffer>,
    mediaType: string,
  ): Promise<Pushed> {
    const digest = sha256(bytes);
    const begun = await this.#send(`${repository}/blobs/uploads/`, "POST");
    const url = new URL(begun.headers.get("location") ?? "", this.#base);
    url.searchParams.set("digest", digest);
    await this.#send(url.href, "PUT", bytes, "application/octet-stream");
    return { mediaType, digest, size: bytes.length };
  }

  async pushManifest(
    repository: string,
    reference: string | undefined,
    manifest: Readonly<Record<string, unknown>> & {
      readonly mediaType: string;
    },
  ): Promise<Pushed> {
    const bytes = new TextEncoder().encode(JSON.stringify(manifest));
    const { mediaType } = manifest;
    const digest = sha256(bytes);
    await this.#send(
      `${repository}/manifests/${reference ?? digest}`,
      "PUT",
      bytes,
      mediaType,
    );
    return { mediaType, digest, size: bytes.length };
  }

  /** An image of these layers. */
  async pushImage(
    repository: string,
    reference: string | undefined,
    { config = {}, configType = imageConfigType, layers, annotations = {} }: {
      readonly config?: object;
      readonly configType?: string;
      readonly layers: readonly (readonly [
        mediaType: string,
        bytes: Uint8Array<ArrayBuffer>,
      ])[];
      readonly annotations?: Readonly<Record<string, string>>;
    },
  ): Promise<Pushed> {
    const encoded = new TextEncoder().encode(JSON.stringify(config));
    const pushed = [];
    for (const [mediaType, bytes] of layers) {
      pushed.push(await this.pushBlob(repository, bytes, mediaType));
    }
    return await this.pushManifest(repository, reference, {
      schemaVersion: 2,
      mediaType: imageType,
      config: await this.pushBlob(repository, encoded, configType),
      layers: pushed,
      annotations,
    });
  }

  get #base(): string {
    return `http://${this.address}/v2/`;
  }

  async #send(
    path: string,
    method: "POST" | "PUT",
    body?: Uint8Array<ArrayBuffer>,
    type?: string,
  ): Promise<Response> {
    const response = await fetch(new URL(path, this.#base), {
      method,
      headers: {
        ...(type && { "content-type": type }),
        ...(this.#authorization && { authorization: this.#authorization }),
      },
      ...(body && { body }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${text}`);
    return response;
  }

  async #untilReady(): Promise<void> {
    const { signal } = new AbortController();
    for (let tries = 0; tries < 200; tries++) {
      try {
        const response = await fetch(this.#base);
        await response.body?.cancel();
        return;
      } catch {
        await delay(50, { signal });
      }
    }
    throw new Error("docker-registry does not come up");
  }
}

/** The media types of an image and of an index. */
const imageType = "application/vnd.oci.image.manifest.v1+json";
export const indexType = "application/vnd.oci.image.index.v1+json";
const imageConfigType = "application/vnd.oci.image.config.v1+json";

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

import { createHash } from "node:crypto";
import type { AbortOptions } from "../../../async/abort.ts";
import type { ImageName } from "../../image_name.ts";
import type { RegistryCredentials } from "../../runtime.ts";
import { parseChallenge } from "./auth_challenge.ts";
import { type Descriptor, manifestTypes } from "./manifest.ts";
import { RegistryError, registryMessage } from "./registry_error.ts";
import { basic, fetchToken } from "./registry_token.ts";
import { readAll, type RegistryAnswer, request } from "./registry_transport.ts";

/** Manifests and configurations are texts; registries take no larger ones. */
const maxManifestBytes = 4 * 1024 * 1024;

/** Options for {@linkcode RegistryClient}. */
export interface RegistryClientOptions {
  /** Shown only if the registry asks for them; nobody's unless given. */
  readonly credentials?: RegistryCredentials;
}

/** Options for {@linkcode RegistryClient.blob}. */
export interface BlobOptions extends AbortOptions {
  /** Where the content is written; left as it came when it is not what it should be. */
  readonly file: Deno.FsFile;
  readonly onBytes?: (count: number) => void;
}

/**
 * Reads one repository of a registry, as of https://github.com/opencontainers/distribution-spec.
 *
 * A registry on this machine may speak plain HTTP; every other one must have TLS.
 */
export class RegistryClient {
  readonly #name: ImageName;
  readonly #credentials: RegistryCredentials | undefined;
  #authorization: string | undefined;
  #base: URL | undefined;
  #challenged = false;

  constructor(name: ImageName, { credentials }: RegistryClientOptions = {}) {
    this.#name = name;
    this.#credentials = credentials;
  }

  /** Whether the registry has asked who it is. */
  get challenged(): boolean {
    return this.#challenged;
  }

  /** A manifest by tag or digest, and its own digest; verified when it was asked for by that. */
  async manifest(
    reference: string,
    options: AbortOptions,
  ): Promise<{
    readonly bytes: Uint8Array<ArrayBuffer>;
    readonly digest: string;
  }> {
    const bytes = await this.#get(
      `manifests/${reference}`,
      { accept: manifestTypes.join(", ") },
      (answer) => readAll(answer, maxManifestBytes),
      options,
    );
    const digest = sha256(bytes);
    if (reference.includes(":") && reference !== digest) {
      throw new RegistryError(
        `the manifest of "${reference}" is a different one: ${digest}`,
      );
    }
    return { bytes, digest };
  }

  /** A small blob, verified. */
  async text(
    { digest, size }: Descriptor,
    options: AbortOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.#get(
      `blobs/${digest}`,
      {},
      (answer) => readAll(answer, Math.min(size, maxManifestBytes)),
      options,
    );
    check(digest, sha256(bytes));
    return bytes;
  }

  /** Writes a blob to a file, verified; never more than the descriptor says. */
  async blob(
    { digest, size }: Descriptor,
    { file, onBytes, ...options }: BlobOptions,
  ): Promise<void> {
    await this.#get(`blobs/${digest}`, {}, async (answer) => {
      const hash = createHash("sha256");
      let seen = 0;
      for await (const chunk of answer.chunks()) {
        seen += chunk.length;
        if (seen > size) {
          throw new RegistryError(
            `blob ${digest} has more than its ${size} bytes`,
          );
        }
        hash.update(chunk);
        await writeAll(file, chunk);
        onBytes?.(chunk.length);
      }
      check(digest, `sha256:${hash.digest("hex")}`);
    }, options);
  }

  async #get<T>(
    path: string,
    headers: Readonly<Record<string, string>>,
    use: (answer: RegistryAnswer) => Promise<T>,
    options: AbortOptions,
  ): Promise<T> {
    const base = this.#base ??= await this.#findBase(options);
    const url = new URL(`${this.#name.repository}/${path}`, base);
    const ask = () =>
      request(url, {
        headers: {
          ...headers,
          ...(this.#authorization && { authorization: this.#authorization }),
        },
      }, async (answer): Promise<Outcome<T>> => {
        const { response } = answer;
        const challenge = response.headers.get("www-authenticate");
        if (response.status === 401 && challenge !== null) {
          return { kind: "challenge", challenge };
        }
        if (!response.ok) throw await refusal(answer);
        return { kind: "done", value: await use(answer) };
      }, options);
    const first = await ask();
    if (first.kind === "done") return first.value;
    const wasAuthorized = this.#authorization !== undefined;
    this.#challenged = true;
    this.#authorization = await this.#answer(first.challenge, base, options);
    const second = await ask();
    if (second.kind === "done") return second.value;
    throw new RegistryError(
      wasAuthorized || this.#credentials
        ? "unauthorized: the credentials are not taken"
        : "unauthorized: authentication required",
      { refused: true },
    );
  }

  async #answer(
    header: string,
    base: URL,
    options: AbortOptions,
  ): Promise<string> {
    const credentials = this.#credentials;
    const challenge = parseChallenge(header);
    switch (challenge?.kind) {
      case undefined:
        throw new RegistryError(
          "unauthorized: the registry asks for authentication of an unknown kind",
          { refused: true },
        );
      case "basic":
        if (credentials?.kind !== "password") {
          throw new RegistryError("unauthorized: no basic auth credentials", {
            refused: true,
          });
        }
        return basic(credentials);
      case "bearer":
        if (credentials?.kind === "registryToken") {
          return `Bearer ${credentials.token}`;
        }
        return `Bearer ${await fetchToken({
          challenge,
          base,
          scope: `repository:${this.#name.repository}:pull`,
          ...(credentials && { credentials }),
        }, options)}`;
    }
  }

  async #findBase(options: AbortOptions): Promise<URL> {
    const { registry } = this.#name;
    const host = registry === "docker.io" ? "registry-1.docker.io" : registry;
    const base = new URL(`https://${host}/v2/`);
    if (!isLoopback(host)) return base;
    try {
      await request(base, {}, () => Promise.resolve(), options);
      return base;
    } catch (error) {
      // Registries of this machine need no TLS, as with Docker and containerd.
      if (!(error instanceof RegistryError)) throw error;
      return new URL(`http://${host}/v2/`);
    }
  }
}

type Outcome<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "challenge"; readonly challenge: string };

async function refusal(answer: RegistryAnswer): Promise<RegistryError> {
  const { status } = answer.response;
  const body = await readAll(answer, maxManifestBytes);
  const said = registryMessage(new TextDecoder().decode(body));
  const what = status === 404
    ? "not found"
    : status === 401 || status === 403
    ? "unauthorized"
    : status === 429
    ? "toomanyrequests"
    : `unexpected status ${status}`;
  return new RegistryError(said === "" ? what : `${what}: ${said}`, {
    refused: [401, 403, 404].includes(status),
  });
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await file.write(bytes.subarray(written));
  }
}

function check(wanted: string, got: string): void {
  if (got === wanted) return;
  throw new RegistryError(`blob ${wanted} has other content: ${got}`);
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/.test(host);
}

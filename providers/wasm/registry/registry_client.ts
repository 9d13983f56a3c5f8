import { createHash } from "node:crypto";
import type { AbortOptions } from "../../../async/abort.ts";
import { backoffDelay } from "../../../async/backoff.ts";
import { delay } from "../../../async/delay.ts";
import type { ImageName } from "../../image_name.ts";
import { type Descriptor, manifestTypes } from "./manifest.ts";
import { RegistryError } from "./registry_error.ts";
import {
  RegistrySession,
  type RegistrySessionOptions,
} from "./registry_session.ts";
import { readAll, type RegistryAnswer } from "./registry_transport.ts";

/** Manifests and configurations are texts; registries take no larger ones. */
const maxManifestBytes = 4 * 1024 * 1024;
/** How often in a row a blob is asked for without getting any further, and how long between. */
const maxFailures = 5;
const retries = { base: 200, cap: 5_000 };

/** Options for {@linkcode RegistryClient.blob}. */
export interface BlobOptions extends AbortOptions {
  /** An empty one, to which the content is written; left as it came when it is not what it should be. */
  readonly file: Deno.FsFile;
  /** Called with how much has come; with a negative number when it begins anew. */
  readonly onBytes?: (count: number) => void;
}

/**
 * Reads one repository of a registry, as of https://github.com/opencontainers/distribution-spec.
 *
 * A registry on this machine may speak plain HTTP; every other one must have TLS.
 */
export class RegistryClient {
  readonly #session: RegistrySession;

  constructor(name: ImageName, options: RegistrySessionOptions = {}) {
    this.#session = new RegistrySession(name, options);
  }

  /** Whether the registry has asked who it is. */
  get challenged(): boolean {
    return this.#session.challenged;
  }

  /** A manifest by tag or digest, and its own digest; verified when it was asked for by that. */
  async manifest(
    reference: string,
    options: AbortOptions,
  ): Promise<{
    readonly bytes: Uint8Array<ArrayBuffer>;
    readonly digest: string;
  }> {
    const bytes = await this.#session.get(
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
    const bytes = await this.#session.get(
      `blobs/${digest}`,
      {},
      (answer) => readAll(answer, Math.min(size, maxManifestBytes)),
      options,
    );
    check(digest, sha256(bytes));
    return bytes;
  }

  /**
   * Writes a blob to a file, verified; never more than the descriptor says. When the connection is
   * cut it goes on where it was, unless nothing more comes several times in a row.
   */
  async blob(
    descriptor: Descriptor,
    { signal, ...options }: BlobOptions,
  ): Promise<void> {
    const received = new ReceivedBlob(descriptor, options);
    let cut: RegistryError | undefined;
    for (let failures = 0;;) {
      const before = received.bytes;
      try {
        await this.#session.get(
          `blobs/${descriptor.digest}`,
          // Compressed on the way it could not be continued.
          { "accept-encoding": "identity", ...received.range },
          (answer) => received.take(answer),
          { signal },
        );
        return received.check();
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error;
        // There is no more of it than came before.
        if (cut !== undefined && /status 416/.test(error.message)) throw cut;
        if (!error.transient) throw error;
        cut = error;
        failures = received.bytes > before ? 1 : failures + 1;
        if (failures >= maxFailures) throw error;
        await delay(backoffDelay(failures, retries), { signal });
      }
    }
  }
}

/** As much of a blob as has come so far. */
class ReceivedBlob {
  readonly #wanted: Descriptor;
  readonly #file: Deno.FsFile;
  readonly #onBytes: (count: number) => void;
  #hash = createHash("sha256");
  bytes = 0;

  constructor(
    wanted: Descriptor,
    { file, onBytes = () => {} }: Omit<BlobOptions, "signal">,
  ) {
    this.#wanted = wanted;
    this.#file = file;
    this.#onBytes = onBytes;
  }

  /** The header that asks for the rest. */
  get range(): Readonly<Record<string, string>> {
    return this.bytes === 0 ? {} : { range: `bytes=${this.bytes}-` };
  }

  async take(answer: RegistryAnswer): Promise<void> {
    const { digest, size } = this.#wanted;
    if (!this.#continues(answer.response)) await this.#beginAnew();
    for await (const chunk of answer.chunks()) {
      if (this.bytes + chunk.length > size) {
        throw new RegistryError(
          `blob ${digest} has more than its ${size} bytes`,
        );
      }
      this.#hash.update(chunk);
      await writeAll(this.#file, chunk);
      this.bytes += chunk.length;
      this.#onBytes(chunk.length);
    }
    if (this.bytes === size) return;
    throw new RegistryError(
      `blob ${digest} has ${this.bytes} of its ${size} bytes`,
      { transient: true },
    );
  }

  check(): void {
    check(this.#wanted.digest, `sha256:${this.#hash.digest("hex")}`);
  }

  #continues({ status, headers }: Response): boolean {
    const [, start] =
      /^bytes (\d+)-/.exec(headers.get("content-range") ?? "") ??
        [];
    return this.bytes === 0 ||
      (status === 206 && Number(start) === this.bytes);
  }

  async #beginAnew(): Promise<void> {
    await this.#file.truncate(0);
    await this.#file.seek(0, Deno.SeekMode.Start);
    this.#hash = createHash("sha256");
    this.#onBytes(-this.bytes);
    this.bytes = 0;
  }
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

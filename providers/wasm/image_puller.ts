import { join } from "node:path";
import type { AbortOptions } from "../../async/abort.ts";
import { messageOf } from "../../async/message_of.ts";
import { RuntimeError } from "../errors.ts";
import { type ImageName, parseImageName } from "../image_name.ts";
import type { PulledImage, PullOptions } from "../runtime.ts";
import type { ModuleStore, StoredModule } from "./modules.ts";
import { decompressed } from "./registry/decompress.ts";
import { userCredentials } from "./registry/docker_config.ts";
import {
  type Descriptor,
  type ImageManifest,
  parseImageConfig,
  parseManifest,
} from "./registry/manifest.ts";
import {
  foreignPlatforms,
  isWasiImage,
  packagingOf,
} from "./registry/packaging.ts";
import { RegistryClient } from "./registry/registry_client.ts";
import { RegistryError } from "./registry/registry_error.ts";
import { selectManifest } from "./registry/select_manifest.ts";
import { readTar } from "./registry/tar_reader.ts";
import { unpackBudget, unpackLayer } from "./registry/unpack_layer.ts";

/** Options for {@linkcode pullImage}. */
export interface ImagePullOptions extends PullOptions, AbortOptions {
  readonly store: ModuleStore;
  /** The environment that says where the user's registry credentials are. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Of all blobs of one image: no WASI program comes near it. */
const maxImageBytes = 1024 ** 3;

/**
 * Fetches an image from its registry into the store: with each of the credentials in turn, then
 * with those of this machine's user, then with none.
 *
 * @throws {RuntimeError} `InvalidImageName`, or `ErrImagePull` with what the registry says.
 */
export async function pullImage(
  image: string,
  { credentials = [], store, env, onProgress, signal }: ImagePullOptions,
): Promise<PulledImage> {
  const name = parseImageName(image);
  const own = await userCredentials(name, { env, signal });
  const failures: RegistryError[] = [];
  for (const each of [...credentials, ...own, undefined]) {
    const client = new RegistryClient(name, each && { credentials: each });
    try {
      const pull = new Pull(name, { client, store, signal });
      const stored = await pull.run(onProgress);
      const imageId = stored.pulled?.imageId ?? stored.digest;
      const opened = client.challenged && each && credentials.includes(each);
      return {
        imageId,
        sizeBytes: stored.sizeBytes,
        ...(opened && { opened: each }),
      };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RegistryError && error.refused) {
        failures.push(error);
        if (client.challenged || error.message.startsWith("unauth")) continue;
        // Nobody was asked for credentials: others change nothing.
        break;
      }
      const known = error instanceof RegistryError ||
        error instanceof TypeError;
      if (!known) throw error;
      throw pullError(name, messageOf(error), error);
    }
  }
  throw pullError(name, whyRefused(failures), new AggregateError(failures));
}

/** That nobody may is no news where somebody may, and the image is not there. */
function whyRefused(failures: readonly RegistryError[]): string {
  const messages = new Set(failures.map(({ message }) => message));
  const last = failures.at(-1)?.message ?? "";
  if (messages.size > 1 && last.startsWith("unauth")) messages.delete(last);
  return [...messages].join("; ");
}

function pullError(
  { full }: ImageName,
  why: string,
  cause: unknown,
): RuntimeError {
  return new RuntimeError("ErrImagePull", `Cannot pull "${full}": ${why}`, {
    cause,
  });
}

/** One attempt to fetch one image. */
class Pull {
  readonly #name: ImageName;
  readonly #client: RegistryClient;
  readonly #store: ModuleStore;
  readonly #options: AbortOptions;

  constructor(
    name: ImageName,
    { client, store, signal }: AbortOptions & {
      readonly client: RegistryClient;
      readonly store: ModuleStore;
    },
  ) {
    this.#name = name;
    this.#client = client;
    this.#store = store;
    this.#options = { signal };
  }

  async run(onProgress: PullOptions["onProgress"]): Promise<StoredModule> {
    const { registry, repository, digest: wanted, tag = "latest" } = this.#name;
    const top = await this.#client.manifest(wanted ?? tag, this.#options);
    const { manifest, digest } = await this.#imageManifest(top);
    const packaging = packagingOf(manifest);
    const layers = packaging.kind === "module"
      ? [packaging.layer]
      : packaging.layers;
    const totalBytes = layers.reduce((sum, { size }) => sum + size, 0);
    if (totalBytes > maxImageBytes) {
      throw new TypeError(
        `it has ${totalBytes} bytes, and at most ${maxImageBytes} are taken`,
      );
    }
    const progress = { doneBytes: 0, totalBytes };
    const onBytes = (count: number) => {
      progress.doneBytes += count;
      onProgress?.({ ...progress });
    };
    const imageId = `${registry}/${repository}@${top.digest}`;
    const pulled = { imageId, at: new Date().toISOString() };
    const stored = packaging.kind === "module"
      ? await this.#fetchModule(packaging.layer, onBytes)
      : await this.#fetchFiles(manifest, digest, onBytes);
    const { config, ...content } = stored;
    const record = {
      ...content,
      pulled: { ...pulled, ...(config && { config }) },
    };
    // First, so that a tag that moves on leaves its image behind whole.
    const byDigest = await this.#store.put(parseImageName(imageId), record);
    if (wanted !== undefined) return byDigest;
    return await this.#store.put(this.#name, record);
  }

  /** The image itself where the name leads to an index. */
  async #imageManifest(
    { bytes, digest }: { readonly bytes: Uint8Array; readonly digest: string },
  ): Promise<{ readonly manifest: ImageManifest; readonly digest: string }> {
    const manifest = parseManifest(bytes);
    if (manifest.kind === "image") return { manifest, digest };
    const entry = selectManifest(manifest.entries);
    const chosen = await this.#client.manifest(entry.digest, this.#options);
    const inner = parseManifest(chosen.bytes);
    if (inner.kind === "image") {
      return { manifest: inner, digest: chosen.digest };
    }
    throw new TypeError("its index leads to another index");
  }

  async #fetchModule(layer: Descriptor, onBytes: (count: number) => void) {
    await this.#store.content.addModule(
      layer.digest,
      (path) => this.#fetchBlob(layer, path, onBytes),
    );
    return {
      digest: layer.digest,
      sizeBytes: layer.size,
      config: undefined,
    };
  }

  async #fetchFiles(
    { config: descriptor, layers, annotations }: ImageManifest,
    digest: string,
    onBytes: (count: number) => void,
  ) {
    const { platform, ...config } = parseImageConfig(
      await this.#client.text(descriptor, this.#options),
    );
    const [program] = [...config.entrypoint, ...config.cmd];
    const own = program === undefined ? {} : { program };
    if (!isWasiImage({ platform, annotations, ...own })) {
      throw new TypeError(foreignPlatforms([platform]));
    }
    const { content } = this.#store;
    await content.addFiles(digest, async (root) => {
      await using scratch = await content.scratch();
      const budget = unpackBudget();
      for (const layer of layers) {
        const path = join(scratch.path, "layer");
        await this.#fetchBlob(layer, path, onBytes);
        const members = readTar(decompressed(path));
        await unpackLayer(members, root, { budget, ...this.#options });
        await Deno.remove(path);
      }
    });
    const sizeBytes = layers.reduce((sum, { size }) => sum + size, 0);
    return { digest, sizeBytes, config };
  }

  async #fetchBlob(
    layer: Descriptor,
    path: string,
    onBytes: (count: number) => void,
  ): Promise<void> {
    using file = await Deno.open(path, { write: true, createNew: true });
    await this.#client.blob(layer, { file, onBytes, ...this.#options });
    await file.sync();
  }
}

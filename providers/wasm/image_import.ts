import { join } from "node:path";
import type { AbortOptions } from "../../async/abort.ts";
import type { PullProgress } from "../runtime.ts";
import type { ContentStore } from "./content_store.ts";
import type { StoredModule } from "./modules.ts";
import { decompressed } from "./registry/decompress.ts";
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
import type { BlobOptions } from "./registry/registry_client.ts";
import { selectManifest } from "./registry/select_manifest.ts";
import { readTar } from "./registry/tar_reader.ts";
import { unpackBudget, unpackLayer } from "./registry/unpack_layer.ts";

/** Where the parts of images come from: a registry, or an archive. All that it gives is verified. */
export interface ImageSource {
  /** A manifest or an index, by a tag or a digest. */
  manifest(reference: string, options: AbortOptions): Promise<{
    readonly bytes: Uint8Array<ArrayBuffer>;
    readonly digest: string;
  }>;
  /** A small blob. */
  text(
    descriptor: Descriptor,
    options: AbortOptions,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** Writes a blob to an empty file. */
  blob(descriptor: Descriptor, options: BlobOptions): Promise<void>;
}

/** Content that is in the store now and has no name yet. */
export interface ImportedImage {
  /** Of what the reference leads to: of the index, where it is one. */
  readonly digest: string;
  readonly content: Pick<StoredModule, "digest" | "sizeBytes" | "config">;
}

/** Options for {@linkcode importImage}. */
export interface ImportOptions extends AbortOptions {
  readonly source: ImageSource;
  readonly store: ContentStore;
  readonly onProgress?: (progress: PullProgress) => void;
}

/** Of all blobs of one image: no WASI program comes near it. */
const maxImageBytes = 1024 ** 3;

/**
 * Brings an image into the content store. Fails with a `TypeError` or a `RegistryError` for one
 * that is no WASI program, before any layer of it is fetched.
 */
export async function importImage(
  reference: string,
  options: ImportOptions,
): Promise<ImportedImage> {
  return await new Import(options).run(reference);
}

class Import {
  readonly #source: ImageSource;
  readonly #store: ContentStore;
  readonly #onProgress: (progress: PullProgress) => void;
  readonly #options: AbortOptions;
  #doneBytes = 0;
  #totalBytes = 0;

  constructor(
    { source, store, onProgress = () => {}, signal }: ImportOptions,
  ) {
    this.#source = source;
    this.#store = store;
    this.#onProgress = onProgress;
    this.#options = { signal };
  }

  async run(reference: string): Promise<ImportedImage> {
    const top = await this.#source.manifest(reference, this.#options);
    const { manifest, digest } = await this.#imageManifest(top);
    const packaging = packagingOf(manifest);
    const layers = packaging.kind === "module"
      ? [packaging.layer]
      : packaging.layers;
    this.#totalBytes = layers.reduce((sum, { size }) => sum + size, 0);
    if (this.#totalBytes > maxImageBytes) {
      throw new TypeError(
        `it has ${this.#totalBytes} bytes, and at most ${maxImageBytes} are taken`,
      );
    }
    const content = packaging.kind === "module"
      ? await this.#takeModule(packaging.layer)
      : await this.#takeFiles(manifest, digest);
    return { digest: top.digest, content };
  }

  /** The image itself where the name leads to an index. */
  async #imageManifest(
    { bytes, digest }: { readonly bytes: Uint8Array; readonly digest: string },
  ): Promise<{ readonly manifest: ImageManifest; readonly digest: string }> {
    const manifest = parseManifest(bytes);
    if (manifest.kind === "image") return { manifest, digest };
    const entry = selectManifest(manifest.entries);
    const chosen = await this.#source.manifest(entry.digest, this.#options);
    const inner = parseManifest(chosen.bytes);
    if (inner.kind === "image") {
      return { manifest: inner, digest: chosen.digest };
    }
    throw new TypeError("its index leads to another index");
  }

  async #takeModule(layer: Descriptor): Promise<ImportedImage["content"]> {
    await this.#store.addModule(
      layer.digest,
      (path) => this.#takeBlob(layer, path),
      this.#options,
    );
    return { digest: layer.digest, sizeBytes: layer.size };
  }

  async #takeFiles(
    { config: descriptor, layers, annotations }: ImageManifest,
    digest: string,
  ): Promise<ImportedImage["content"]> {
    const { platform, ...config } = parseImageConfig(
      await this.#source.text(descriptor, this.#options),
    );
    const [program] = [...config.entrypoint, ...config.cmd];
    const own = program === undefined ? {} : { program };
    if (!isWasiImage({ platform, annotations, ...own })) {
      throw new TypeError(foreignPlatforms([platform]));
    }
    await this.#store.addFiles(digest, async (root) => {
      await using scratch = await this.#store.scratch();
      const budget = unpackBudget();
      for (const layer of layers) {
        const path = join(scratch.path, "layer");
        await this.#takeBlob(layer, path);
        const members = readTar(decompressed(path));
        await unpackLayer(members, root, { budget, ...this.#options });
        await Deno.remove(path);
      }
    }, this.#options);
    return { digest, sizeBytes: this.#totalBytes, config };
  }

  async #takeBlob(layer: Descriptor, path: string): Promise<void> {
    using file = await Deno.open(path, { write: true, createNew: true });
    await this.#source.blob(layer, {
      ...this.#options,
      file,
      onBytes: (count) => {
        this.#doneBytes += count;
        this.#onProgress({
          doneBytes: this.#doneBytes,
          totalBytes: this.#totalBytes,
        });
      },
    });
    await file.sync();
  }
}

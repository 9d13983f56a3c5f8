import { createHash } from "node:crypto";
import { join, sep } from "node:path";
import * as z from "zod";
import type { AbortOptions } from "../../../async/abort.ts";
import { decompressed } from "./decompress.ts";
import type { Descriptor } from "./manifest.ts";
import type { BlobOptions } from "./registry_client.ts";
import { readTar } from "./tar_reader.ts";
import { unpackBudget, unpackLayer } from "./unpack_layer.ts";

/** An image of an archive. */
export interface ArchivedImage {
  /** What {@linkcode ImageArchive.manifest} takes. */
  readonly reference: string;
  /** The names that the archive gives it, as it has them. */
  readonly names: readonly string[];
}

const digests = z.string().regex(/^sha256:[0-9a-f]{64}$/, "Not a digest");
const layout = z.object({
  manifests: z.array(z.object({
    digest: digests,
    annotations: z.record(z.string(), z.string()).nullish(),
  })).max(10_000),
});
const saved = z.array(z.object({
  Config: z.string(),
  RepoTags: z.array(z.string()).nullish(),
  Layers: z.array(z.string()).max(1000),
})).max(10_000);

/** Texts of archives are no larger than registries take them. */
const maxTextBytes = 4 * 1024 * 1024;

/**
 * The images in an unpacked archive: an OCI layout, or what older versions of `docker save` write.
 * All that it gives is verified.
 */
export class ImageArchive {
  readonly #root: string;
  /** Manifests that only this archive has, by their digests. */
  readonly #made: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /** Where files are that do not lie by their digests. */
  readonly #places: ReadonlyMap<string, string>;
  readonly images: readonly ArchivedImage[];

  private constructor(
    root: string,
    { images, made = new Map(), places = new Map() }: {
      readonly images: readonly ArchivedImage[];
      readonly made?: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
      readonly places?: ReadonlyMap<string, string>;
    },
  ) {
    this.#root = root;
    this.#made = made;
    this.#places = places;
    this.images = images;
  }

  /**
   * Unpacks an archive, which may be compressed, into an empty directory that stays as long as this
   * is used. Fails with a `TypeError` for what is none.
   */
  static async unpack(
    file: string,
    root: string,
    options: AbortOptions,
  ): Promise<ImageArchive> {
    const budget = unpackBudget();
    try {
      const members = readTar(decompressed(file));
      await unpackLayer(members, root, { budget, ...options });
    } catch (error) {
      const isEmpty = (await list(root)).length === 0;
      throw isEmpty && error instanceof TypeError ? noArchive(error) : error;
    }
    const directory = await Deno.realPath(root);
    const index = await readJson(directory, "index.json");
    if (index !== undefined) return ofLayout(directory);
    if (await placeOf(directory, "manifest.json") !== undefined) {
      return await ofSaved(directory);
    }
    throw noArchive();

    function ofLayout(root: string): ImageArchive {
      const { manifests } = parse(layout, index, "index.json");
      const images = manifests.map(({ digest, annotations }) => ({
        reference: digest,
        names: namesOf(annotations ?? {}),
      }));
      return new ImageArchive(root, { images });
    }

    async function ofSaved(root: string): Promise<ImageArchive> {
      const images: ArchivedImage[] = [];
      const made = new Map<string, Uint8Array<ArrayBuffer>>();
      const places = new Map<string, string>();
      const list = await readJson(root, "manifest.json");
      for (const { Config, RepoTags, Layers } of parse(saved, list, "it")) {
        const describe = async (name: string, mediaType: string) => {
          const path = await requiredPlace(root, name);
          const digest = await digestOf(path);
          places.set(digest, path);
          return { mediaType, digest, size: (await Deno.stat(path)).size };
        };
        const config = await describe(Config, `${oci}.config.v1+json`);
        const layers: Descriptor[] = [];
        for (const name of Layers) {
          layers.push(await describe(name, `${oci}.layer.v1.tar`));
        }
        const bytes = new TextEncoder().encode(
          JSON.stringify({ schemaVersion: 2, config, layers }),
        );
        const reference = sha256(bytes);
        made.set(reference, bytes);
        images.push({ reference, names: RepoTags ?? [] });
      }
      return new ImageArchive(root, { images, made, places });
    }
  }

  async manifest(
    digest: string,
    _options: AbortOptions,
  ): Promise<{
    readonly bytes: Uint8Array<ArrayBuffer>;
    readonly digest: string;
  }> {
    const bytes = this.#made.get(digest) ??
      await readSmall(await this.#blobPath(digest));
    check(digest, sha256(bytes));
    return { bytes, digest };
  }

  async text(
    { digest }: Descriptor,
    _options: AbortOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await readSmall(await this.#blobPath(digest));
    check(digest, sha256(bytes));
    return bytes;
  }

  async blob(
    { digest, size }: Descriptor,
    { file, onBytes, signal }: BlobOptions,
  ): Promise<void> {
    const path = await this.#blobPath(digest);
    if ((await Deno.stat(path)).size !== size) {
      throw new TypeError(`its blob ${digest} is not of ${size} bytes`);
    }
    check(digest, await digestOf(path));
    using source = await Deno.open(path);
    await source.readable.pipeTo(file.writable, {
      signal,
      preventClose: true,
    });
    onBytes?.(size);
  }

  async #blobPath(digest: string): Promise<string> {
    return this.#places.get(digest) ??
      await requiredPlace(
        this.#root,
        join("blobs", "sha256", digest.slice(digest.indexOf(":") + 1)),
      );
  }
}

function noArchive(cause?: unknown): TypeError {
  return new TypeError(
    "it is neither a WebAssembly program nor an archive of images",
    { cause },
  );
}

async function list(directory: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(directory)) names.push(name);
  return names;
}

const oci = "application/vnd.oci.image";

/** A tag alone, as an OCI layout may have it, is no name of an image. */
function namesOf(
  annotations: Readonly<Record<string, string>>,
): readonly string[] {
  const whole = annotations["io.containerd.image.name"];
  const reference = annotations["org.opencontainers.image.ref.name"] ?? "";
  if (whole !== undefined) return [whole];
  return /[/:]/.test(reference) ? [reference] : [];
}

/** A regular file in the directory; an archive may have links that lead out of it. */
async function placeOf(
  root: string,
  name: string,
): Promise<string | undefined> {
  try {
    const path = await Deno.realPath(join(root, name));
    if (!path.startsWith(root + sep)) return undefined;
    return (await Deno.stat(path)).isFile ? path : undefined;
  } catch (error) {
    const isAbsent = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (isAbsent) return undefined;
    throw error;
  }
}

async function requiredPlace(root: string, name: string): Promise<string> {
  const path = await placeOf(root, name);
  if (path !== undefined) return path;
  throw new TypeError(`its "${name}" is missing`);
}

async function readJson(root: string, name: string): Promise<unknown> {
  const path = await placeOf(root, name);
  if (path === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(await readSmall(path)));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new TypeError(`its "${name}" is not JSON`, { cause: error });
  }
}

async function readSmall(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const { size } = await Deno.stat(path);
  if (size > maxTextBytes) throw new TypeError("its manifest is too large");
  return await Deno.readFile(path);
}

function parse<T>(schema: z.ZodType<T>, value: unknown, name: string): T {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  throw new TypeError(`its "${name}" cannot be read`, { cause: read.error });
}

async function digestOf(path: string): Promise<string> {
  using file = await Deno.open(path);
  const hash = createHash("sha256");
  for await (const chunk of file.readable) hash.update(chunk);
  return `sha256:${hash.digest("hex")}`;
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function check(wanted: string, got: string): void {
  if (got === wanted) return;
  throw new TypeError(`its blob ${wanted} has other content: ${got}`);
}

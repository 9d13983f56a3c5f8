import { basename, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { AbortOptions } from "../../async/abort.ts";
import { RuntimeError } from "../errors.ts";
import { type ImageName, parseImageName } from "../image_name.ts";
import { ContentStore } from "./content_store.ts";
import type { LocatedModule } from "./located_module.ts";
import { list, readRecord, remove, writeRecord } from "./records.ts";
import type { ImageConfig } from "./registry/manifest.ts";

/** A module, or an image with one among its files, as the store has it. */
export interface StoredModule {
  /** The name with its tag: `hello:latest`. */
  readonly name: string;
  /** `sha256:…` of the module; of the manifest for an image of files. */
  readonly digest: string;
  readonly sizeBytes: number;
  /** Present for an image of files. */
  readonly config?: ImageConfig;
  /** Absent for what was loaded from a file. */
  readonly pulled?: PulledFrom;
}

/** What is known of an image that came from a registry. */
export interface PulledFrom {
  /** Its name by digest, whole. */
  readonly imageId: string;
  /** ISO 8601. */
  readonly at: string;
}

/**
 * The modules that containers may name as their image: `file://` URLs below the allowed
 * directories, and names in the image store, which other processes may change at any time.
 */
export class ModuleStore {
  readonly content: ContentStore;
  readonly #namesDir: string;
  readonly #allowed: readonly string[];
  readonly #digests = new Map<string, { stamp: string; digest: string }>();

  constructor(
    { stateDir, allowLocalModules }: {
      readonly stateDir: string;
      /** Directories below which `file://` modules may be; links are resolved. */
      readonly allowLocalModules: readonly string[];
    },
  ) {
    const root = join(stateDir, "modules");
    this.#namesDir = join(root, "names");
    this.content = new ContentStore(root);
    this.#allowed = allowLocalModules;
  }

  /** The module that `image` names; undefined when it is not here. */
  async find(image: string): Promise<LocatedModule | undefined> {
    if (isFileUrl(image)) return await this.#findLocal(image);
    const name = parseImageName(image);
    const stored = await this.stored(image);
    if (stored === undefined) return undefined;
    const { digest, sizeBytes, config, pulled } = stored;
    const located = {
      imageId: pulled?.imageId ?? digest,
      sizeBytes,
      programName: basename(name.repository),
    };
    const path = config === undefined
      ? this.content.modulePath(digest)
      : this.content.filesPath(digest);
    if (await realPath(path) === undefined) return undefined;
    return config === undefined
      ? { kind: "module", path, ...located }
      : { kind: "files", root: path, config, ...located };
  }

  /** What the store knows of a name; undefined where it does not have it. */
  async stored(image: string): Promise<StoredModule | undefined> {
    const name = familiarName(parseImageName(image));
    return await readRecord<StoredModule>(await this.#nameFile(name));
  }

  /** Puts the content of `file` into the store under `image`, which may name another one so far. */
  async load(
    image: string,
    file: string,
    options: AbortOptions,
  ): Promise<StoredModule> {
    const name = loadableName(image);
    const bytes = await Deno.readFile(file);
    const digest = await sha256(bytes);
    await this.content.addModule(
      digest,
      (temporary) => Deno.writeFile(temporary, bytes),
      options,
    );
    return await this.put(name, { digest, sizeBytes: bytes.length });
  }

  /** Gives content that is in the store a name. */
  async put(
    name: ImageName,
    stored: Omit<StoredModule, "name">,
  ): Promise<StoredModule> {
    const named = { name: familiarName(name), ...stored };
    await Deno.mkdir(this.#namesDir, { recursive: true, mode: 0o700 });
    await writeRecord(await this.#nameFile(named.name), named);
    return named;
  }

  /** All names in the store, sorted. */
  async list(): Promise<readonly StoredModule[]> {
    const modules: StoredModule[] = [];
    for (const file of await list(this.#namesDir)) {
      if (!file.endsWith(".json")) continue;
      const stored = await readRecord<StoredModule>(join(this.#namesDir, file));
      if (stored !== undefined) modules.push(stored);
    }
    return modules.toSorted((a, b) => a.name < b.name ? -1 : 1);
  }

  /**
   * Removes a name; false when there is no such name. Of an image that was pulled, its name by
   * digest goes with the last of its tags, unless it is among those that are used. Content that no
   * name has is left to a sweep.
   */
  async remove(
    image: string,
    usedImages: ReadonlySet<string> = new Set(),
  ): Promise<boolean> {
    const stored = await this.stored(image);
    if (stored === undefined) return false;
    await this.#forget(stored.name);
    const imageId = stored.pulled?.imageId;
    if (imageId === undefined || usedImages.has(imageId)) return true;
    const others = (await this.list())
      .filter(({ pulled }) => pulled?.imageId === imageId);
    if (others.length === 1 && others[0]?.name.includes("@")) {
      await this.#forget(others[0].name);
    }
    return true;
  }

  /** Removes an image by what pods know it by, with all of its names. */
  async removeImage(imageId: string): Promise<void> {
    for (const { name, pulled } of await this.list()) {
      if (pulled?.imageId === imageId) await this.#forget(name);
    }
  }

  /** Removes content that no name has, unless it is that of a used image; returns its bytes. */
  async sweep(usedImages: ReadonlySet<string>): Promise<number> {
    const named = (await this.list()).map(({ digest }) => digest);
    // A module that was loaded is known by the digest of its content.
    return await this.content.sweep(new Set([...named, ...usedImages]));
  }

  async #forget(name: string): Promise<void> {
    await remove(await this.#nameFile(name));
  }

  async #findLocal(image: string): Promise<LocatedModule | undefined> {
    const named = filePath(image);
    const path = await realPath(named);
    const allowed = await Promise.all(this.#allowed.map(realPath));
    // One that does not exist is refused as well: what exists elsewhere must not show.
    const isAllowed = path === undefined
      ? [...allowed, ...this.#allowed].some((dir) => isBelow(named, dir))
      : allowed.some((dir) => isBelow(path, dir));
    if (!isAllowed) {
      throw new RuntimeError(
        "ErrImagePull",
        `Cannot use image "${image}": it is not below a directory named by --allow-local-modules`,
      );
    }
    if (path === undefined) return undefined;
    const { mtime, size, ino, dev, isFile } = await Deno.stat(path);
    if (!isFile) return undefined;
    const stamp = `${mtime?.getTime()} ${size} ${dev} ${ino}`;
    const known = this.#digests.get(path);
    const digest = known?.stamp === stamp
      ? known.digest
      : await sha256(await Deno.readFile(path));
    this.#digests.set(path, { stamp, digest });
    return {
      kind: "module",
      path,
      imageId: digest,
      sizeBytes: size,
      programName: basename(path),
    };
  }

  /** Hashed, as some file systems do not tell upper case from lower case. */
  async #nameFile(name: string): Promise<string> {
    return join(this.#namesDir, `${await sha256Hex(name)}.json`);
  }
}

/** The name for what does not come from a registry; fails with `InvalidImageName` for a digest. */
export function loadableName(image: string): ImageName {
  const name = parseImageName(image);
  if (name.digest === undefined) return name;
  throw new RuntimeError(
    "InvalidImageName",
    `Cannot load "${image}": only a registry gives names with a digest`,
  );
}

/** Whether an image is named by where its file is. */
export function isFileUrl(image: string): boolean {
  return /^file:/i.test(image);
}

/** Why a module that is not here cannot be had. */
export function notPresent(image: string): RuntimeError {
  const message = isFileUrl(image)
    ? `Cannot use image "${image}": there is no such file`
    : `Cannot use image "${image}": it is no longer in the image store`;
  return new RuntimeError("ErrImagePull", message);
}

/** The name as people write it, with its tag or digest: `hello:latest`. */
function familiarName({ full }: ImageName): string {
  return full.replace(/^docker\.io\/(?:library\/)?/, "");
}

function filePath(image: string): string {
  try {
    return fileURLToPath(image);
  } catch (error) {
    throw new RuntimeError(
      "InvalidImageName",
      `Cannot use image "${image}": it is not a URL of a local file, such as file:///srv/app.wasm`,
      { cause: error },
    );
  }
}

function isBelow(path: string, directory: string | undefined): boolean {
  if (directory === undefined) return false;
  return path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}

async function realPath(path: string): Promise<string | undefined> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}

/** The SHA-256 of a text, in hex digits. */
export async function sha256Hex(text: string): Promise<string> {
  const digest = await sha256(new TextEncoder().encode(text));
  return digest.slice("sha256:".length);
}

/** The SHA-256 of bytes, as `sha256:…`. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `sha256:${digest.toHex()}`;
}

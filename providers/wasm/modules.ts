import { basename, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { RuntimeError } from "../errors.ts";
import { list, readRecord, remove, writeRecord } from "./records.ts";

/** A module as the store has it. */
export interface StoredModule {
  /** The name with its tag: `hello:latest`. */
  readonly name: string;
  /** `sha256:…` of the content. */
  readonly digest: string;
  readonly sizeBytes: number;
}

/** Where to find the bytes of a module. */
export interface LocatedModule {
  readonly path: string;
  readonly imageId: string;
  readonly sizeBytes: number;
  /** What a guest sees as its own name: the module's base name, without a tag. */
  readonly programName: string;
}

/**
 * The modules that containers may name as their image: `file://` URLs below the allowed
 * directories, and names in the module store, which other processes may change at any time.
 */
export class ModuleStore {
  readonly #namesDir: string;
  readonly #blobsDir: string;
  readonly #allowed: readonly string[];
  readonly #digests = new Map<string, { stamp: string; digest: string }>();

  constructor(
    { stateDir, allowLocalModules }: {
      readonly stateDir: string;
      /** Directories below which `file://` modules may be; links are resolved. */
      readonly allowLocalModules: readonly string[];
    },
  ) {
    this.#namesDir = join(stateDir, "modules", "names");
    this.#blobsDir = join(stateDir, "modules", "sha256");
    this.#allowed = allowLocalModules;
  }

  /** The module that `image` names; undefined when it is not here. */
  async find(image: string): Promise<LocatedModule | undefined> {
    if (/^file:/i.test(image)) return await this.#findLocal(image);
    const name = moduleName(image);
    const stored = await readRecord<StoredModule>(
      await this.#nameFile(name),
    );
    if (stored === undefined) return undefined;
    const path = this.#blobFile(stored.digest);
    if (await realPath(path) === undefined) return undefined;
    return {
      path,
      imageId: stored.digest,
      sizeBytes: stored.sizeBytes,
      programName: programName(name),
    };
  }

  /** Puts the content of `file` into the store under `image`, which may name another one so far. */
  async load(image: string, file: string): Promise<StoredModule> {
    const name = moduleName(image);
    const bytes = await Deno.readFile(file);
    const digest = await sha256(bytes);
    await Deno.mkdir(this.#namesDir, { recursive: true, mode: 0o700 });
    await Deno.mkdir(this.#blobsDir, { recursive: true, mode: 0o700 });
    const temporary = await Deno.makeTempFile({ dir: this.#blobsDir });
    await Deno.writeFile(temporary, bytes);
    await Deno.rename(temporary, this.#blobFile(digest));
    const stored = { name, digest, sizeBytes: bytes.length };
    await writeRecord(await this.#nameFile(name), stored);
    return stored;
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

  /** Removes a name, and its content once no other name has it; false when there is no such name. */
  async remove(image: string): Promise<boolean> {
    const file = await this.#nameFile(moduleName(image));
    const stored = await readRecord<StoredModule>(file);
    if (stored === undefined) return false;
    await remove(file);
    const others = await this.list();
    if (!others.some(({ digest }) => digest === stored.digest)) {
      await remove(this.#blobFile(stored.digest));
    }
    return true;
  }

  async #findLocal(image: string): Promise<LocatedModule | undefined> {
    const path = await realPath(filePath(image));
    const allowed = await Promise.all(this.#allowed.map(realPath));
    // One that does not exist is refused as well: what exists elsewhere must not show.
    const place = path ?? filePath(image);
    if (!allowed.some((dir) => dir !== undefined && isBelow(place, dir))) {
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
      path,
      imageId: digest,
      sizeBytes: size,
      programName: basename(path),
    };
  }

  /** Hashed, as some file systems do not tell upper case from lower case. */
  async #nameFile(name: string): Promise<string> {
    const digest = await sha256(new TextEncoder().encode(name));
    return join(this.#namesDir, `${digest.slice("sha256:".length)}.json`);
  }

  #blobFile(digest: string): string {
    return join(this.#blobsDir, `${digest.slice("sha256:".length)}.wasm`);
  }
}

/** Why a module that is not here cannot be had. */
export function notPulled(image: string): RuntimeError {
  const message = /^file:/i.test(image)
    ? `Cannot use image "${image}": there is no such file`
    : `image "${image}" is not in the module store: pulling from a registry is not supported yet; use "farlet image load ${image} FILE"`;
  return new RuntimeError("ErrImagePull", message);
}

const host = String
  .raw`(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d+)?/)?`;
const part = String.raw`[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*`;
const reference = String
  .raw`^(${host}${part}(?:/${part})*)(:\w[\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$`;

/** The name as the store keeps it, with a tag; throws a `RuntimeError` for what is no image name. */
function moduleName(image: string): string {
  const match = image.length > 200 ? null : new RegExp(reference).exec(image);
  if (match === null) {
    throw new RuntimeError(
      "InvalidImageName",
      `Cannot use image "${image}": it is neither an image name nor a file:// URL`,
    );
  }
  const [, name, tag, digest] = match;
  return `${name}${tag ?? (digest === undefined ? ":latest" : "")}${
    digest ?? ""
  }`;
}

function programName(name: string): string {
  return basename(name).replace(/[:@].*$/, "");
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

function isBelow(path: string, directory: string): boolean {
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

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `sha256:${digest.toHex()}`;
}

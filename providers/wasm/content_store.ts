import { join } from "node:path";
import { abortable, type AbortOptions } from "../../async/abort.ts";
import { list, remove } from "./records.ts";
import { makeOpenDirectory } from "./registry/unpack_layer.ts";

/** What is left of additions that were cut off is removed after so long. */
const staleAfter = 24 * 3600_000;

/**
 * Content by digest: modules as files, and the files of images as directories.
 *
 * `sha256/HEX.wasm`, `files/HEX/`, and `tmp/` for what is being added: content appears in one step
 * and is never changed, so that any number of processes may share it.
 */
export class ContentStore {
  readonly #modules: string;
  readonly #files: string;
  readonly #temporary: string;
  /** By where it will be. */
  readonly #additions = new Map<string, Promise<void>>();

  constructor(root: string) {
    this.#modules = join(root, "sha256");
    this.#files = join(root, "files");
    this.#temporary = join(root, "tmp");
  }

  modulePath(digest: string): string {
    return join(this.#modules, `${hexOf(digest)}.wasm`);
  }

  filesPath(digest: string): string {
    return join(this.#files, hexOf(digest));
  }

  /** Adds a module unless it is here; `write` fills the file that it is given. */
  async addModule(
    digest: string,
    write: (path: string) => Promise<void>,
    options: AbortOptions,
  ): Promise<void> {
    await this.#addOnce(this.modulePath(digest), async () => {
      await using scratch = await this.scratch();
      const path = join(scratch.path, "module");
      await write(path);
      await Deno.mkdir(this.#modules, privateDir);
      await Deno.rename(path, this.modulePath(digest));
    }, options);
  }

  /** Adds the files of an image unless they are here; `write` fills the directory that it is given. */
  async addFiles(
    digest: string,
    write: (path: string) => Promise<void>,
    options: AbortOptions,
  ): Promise<void> {
    await this.#addOnce(this.filesPath(digest), async () => {
      await using scratch = await this.scratch();
      const path = join(scratch.path, "files");
      await makeOpenDirectory(path);
      await write(path);
      await Deno.mkdir(this.#files, privateDir);
      // Its age counts from now on, whatever was written last.
      await touch(path);
      try {
        await Deno.rename(path, this.filesPath(digest));
      } catch (error) {
        // Another process has added the same meanwhile.
        if (!await touch(this.filesPath(digest))) throw error;
      }
    }, options);
  }

  /** Who wants what another one is adding waits for that, and tries it alone if that fails. */
  async #addOnce(
    place: string,
    add: () => Promise<void>,
    options: AbortOptions,
  ): Promise<void> {
    while (!await touch(place)) {
      const other = this.#additions.get(place);
      if (other === undefined) {
        const addition = add();
        this.#additions.set(place, addition);
        try {
          return await addition;
        } finally {
          this.#additions.delete(place);
        }
      }
      // Its failure is for who has asked for it.
      await abortable(other.catch(() => undefined), options);
    }
  }

  /** A directory on the same file system, removed with its scope. */
  async scratch(): Promise<AsyncDisposable & { readonly path: string }> {
    await Deno.mkdir(this.#temporary, privateDir);
    const path = await Deno.makeTempDir({ dir: this.#temporary });
    return { path, [Symbol.asyncDispose]: () => remove(path) };
  }

  /** Removes all content but that of these digests, and stale leftovers; returns how many bytes. */
  async sweep(kept: ReadonlySet<string>): Promise<number> {
    const names = new Set([...kept].map(hexOf));
    let bytes = 0;
    for (const file of await list(this.#modules)) {
      if (names.has(file.replace(/\.wasm$/, ""))) continue;
      bytes += await removeSettled(join(this.#modules, file));
    }
    for (const name of await list(this.#files)) {
      if (names.has(name)) continue;
      bytes += await removeSettled(join(this.#files, name));
    }
    for (const name of await list(this.#temporary)) {
      const path = join(this.#temporary, name);
      if (await ageOf(path) > staleAfter) await remove(path);
    }
    return bytes;
  }
}

const privateDir = { recursive: true, mode: 0o700 } as const;
/** Content is there before its name is: nobody may take it away in between. */
const settledAfter = 60_000;

async function removeSettled(path: string): Promise<number> {
  if (await ageOf(path) < settledAfter) return 0;
  const bytes = await sizeOf(path);
  await remove(path);
  return bytes;
}

async function ageOf(path: string): Promise<number> {
  try {
    const { mtime } = await Deno.lstat(path);
    return Date.now() - (mtime ?? new Date(0)).getTime();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0; // Just removed.
    throw error;
  }
}

/** Of a file, or of all files in a directory; another process may be removing it. */
async function sizeOf(path: string): Promise<number> {
  try {
    const { isDirectory, size } = await Deno.lstat(path);
    if (!isDirectory) return size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
  let sum = 0;
  for (const name of await list(path)) sum += await sizeOf(join(path, name));
  return sum;
}

/** Whether there is something, which is then as good as new to a sweep. */
async function touch(path: string): Promise<boolean> {
  try {
    const now = new Date();
    await Deno.utime(path, now, now);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function hexOf(digest: string): string {
  return digest.slice(digest.indexOf(":") + 1);
}

import { resolveConfined } from "./confined_path.ts";
import { errno, errnoOf, fail } from "./errno.ts";
import { findHostFiles } from "./find_host_files.ts";
import { directoryPath, type HostFiles } from "./host_files.ts";

/**
 * A directory of this machine that is held open. Paths in it are followed without leaving it,
 * whatever a guest that can write there does meanwhile.
 */
export class OpenDirectory implements Disposable {
  readonly #files: HostFiles;
  readonly #descriptor: number;

  private constructor(files: HostFiles, descriptor: number) {
    this.#files = files;
    this.#descriptor = descriptor;
  }

  /** @param path Must not be a link. */
  static open(path: string, files = findHostFiles()): OpenDirectory {
    return new OpenDirectory(files, files.openDirectory(path));
  }

  /** What is at `path`, links followed. */
  look(path: string): Deno.FileInfo {
    using place = this.#find(path);
    return Deno.lstatSync(place.path);
  }

  /** The content of the regular file at `path`, links followed; a `RangeError` if it is larger. */
  readFile(path: string, maxBytes: number): Uint8Array {
    using place = this.#find(path);
    const { isFile, dev, ino } = Deno.lstatSync(place.path);
    if (!isFile) fail(errno.inval);
    using file = Deno.openSync(place.path);
    const opened = file.statSync();
    // A guest could have put a link there meanwhile.
    if (opened.dev !== dev || opened.ino !== ino) fail(errno.loop);
    if (opened.size > maxBytes) {
      throw new RangeError(
        `Cannot read file "${path}": it has more than ${maxBytes} bytes`,
      );
    }
    const content = new Uint8Array(opened.size);
    const length = file.readSync(content) ?? 0;
    return content.subarray(0, length);
  }

  /** Makes the directory at `path`, as this one is, unless something is there. */
  makeDirectory(path: string): void {
    try {
      using place = this.#find(path);
      Deno.mkdirSync(place.path, { mode: 0o755 });
    } catch (error) {
      if (errnoOf(error) === errno.exist) return;
      throw error;
    }
    const descriptor = this.openDirectory(path);
    try {
      const { mode, uid, gid } = Deno.statSync(directoryPath(this.#descriptor));
      const made = directoryPath(descriptor);
      if (uid !== null && gid !== null) Deno.chownSync(made, uid, gid);
      if (mode !== null) Deno.chmodSync(made, mode & 0o7777);
    } finally {
      this.#files.closeDirectory(descriptor);
    }
  }

  /** Gives the file at `path` a second name, outside. */
  link(path: string, newPath: string): void {
    using place = this.#find(path);
    Deno.linkSync(place.path, newPath);
  }

  /** Opens the directory at `path`; the caller closes the descriptor. */
  openDirectory(path: string): number {
    using place = this.#find(path);
    return this.#files.openDirectory(place.path);
  }

  [Symbol.dispose](): void {
    this.#files.closeDirectory(this.#descriptor);
  }

  #find(path: string) {
    return resolveConfined(this.#files, this.#descriptor, {
      path,
      follow: true,
    });
  }
}

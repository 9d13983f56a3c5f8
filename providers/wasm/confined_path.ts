import { errno, errnoOf, fail } from "./errno.ts";
import { directoryPath, type HostFiles } from "./host_files.ts";

/** A place in a directory of the node, found without leaving that directory. */
export interface ConfinedPath extends Disposable {
  /** Names it until disposed. Its last part may be a link: nothing done to it may follow one. */
  readonly path: string;
  /** Whether it is the directory itself, or one above that was reached through `..`. */
  readonly isDot: boolean;
  /** Whether the guest's path says that it is a directory, by a slash at its end for example. */
  readonly mustBeDirectory: boolean;
}

/**
 * Finds a guest's path in an open directory, as openat2(2) would with `RESOLVE_BENEATH`.
 *
 * Every directory on the way is held open, and the next name is looked up in what is held: so
 * nobody can swap a directory for a link and have the walk go astray. Links are resolved here; one
 * that is absolute or leads above the directory fails with `EPERM`. What is in the last place need
 * not exist.
 */
export function resolveConfined(
  files: HostFiles,
  directory: number,
  { path, follow }: { readonly path: string; readonly follow: boolean },
): ConfinedPath {
  if (path === "") fail(errno.noent);
  if (path.startsWith("/")) fail(errno.perm);
  if (path.length > maxPathLength) fail(errno.nametoolong);
  const walk = new Walk(files, directory);
  try {
    return walk.to(path, follow);
  } catch (error) {
    walk[Symbol.dispose]();
    throw error;
  }
}

class Walk implements Disposable {
  readonly #files: HostFiles;
  readonly #root: number;
  /** The directories below the root that lead to where the walk is. */
  readonly #entered: number[] = [];

  constructor(files: HostFiles, root: number) {
    this.#files = files;
    this.#root = root;
  }

  to(path: string, follow: boolean): ConfinedPath {
    let left = parts(path);
    let mustBeDirectory = namesDirectory(path);
    for (let links = 0;;) {
      const name = left.shift();
      if (name === undefined) return this.#end(".", true);
      if (name === "..") {
        this.#leave();
        continue;
      }
      const last = left.length === 0;
      if (last && !follow && !mustBeDirectory) return this.#end(name, false);
      const target = last ? this.#link(name) : this.#enter(name);
      if (target === undefined && last) return this.#end(name, mustBeDirectory);
      if (target === undefined) continue;
      if (++links > maxLinks) fail(errno.loop);
      if (target.startsWith("/")) fail(errno.perm);
      if (last) mustBeDirectory ||= namesDirectory(target);
      left = [...parts(target), ...left];
    }
  }

  [Symbol.dispose](): void {
    for (const directory of this.#entered.splice(0)) {
      this.#files.closeDirectory(directory);
    }
  }

  #end(name: string, mustBeDirectory: boolean): ConfinedPath {
    return {
      path: this.#in(name),
      isDot: name === ".",
      mustBeDirectory,
      [Symbol.dispose]: () => this[Symbol.dispose](),
    };
  }

  #in(name: string): string {
    return `${directoryPath(this.#entered.at(-1) ?? this.#root)}/${name}`;
  }

  #leave(): void {
    const directory = this.#entered.pop() ?? fail(errno.perm);
    this.#files.closeDirectory(directory);
  }

  /** Enters a directory; returns the target if it is a link instead. */
  #enter(name: string): string | undefined {
    try {
      this.#entered.push(this.#files.openDirectory(this.#in(name)));
      return undefined;
    } catch (error) {
      const code = errnoOf(error);
      if (code !== errno.loop && code !== errno.notdir) throw error;
      return this.#link(name) ?? fail(errno.notdir);
    }
  }

  /** The target of a link; undefined for what is none, or is not there. */
  #link(name: string): string | undefined {
    try {
      return Deno.readLinkSync(this.#in(name));
    } catch (error) {
      const code = errnoOf(error);
      if (code !== errno.inval && code !== errno.noent) throw error;
      return undefined;
    }
  }
}

function parts(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

function namesDirectory(path: string): boolean {
  return /(^|\/)\.{0,2}$/.test(path);
}

/** PATH_MAX of Linux. */
const maxPathLength = 4096;

/** Of the order of Linux's 40. */
const maxLinks = 32;

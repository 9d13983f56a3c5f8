import { join, posix } from "node:path";
import type { AbortOptions } from "../../../async/abort.ts";
import type { TarMember } from "./tar_reader.ts";

/** What all layers of one image may come to. */
export interface UnpackBudget {
  bytes: number;
  members: number;
}

/** A gibibyte, and as many files as no program has: against archives made to fill a disk. */
export function unpackBudget(): UnpackBudget {
  return { bytes: 1024 ** 3, members: 100_000 };
}

/**
 * Lays a layer over what is in `root`, as of
 * https://github.com/opencontainers/image-spec/blob/main/layer.md: whiteouts remove what is below.
 *
 * Nothing is written outside `root`, which nobody else may change meanwhile, whatever the archive
 * says: a path with `..` or beneath a link is an error (`TypeError`), links are made relative, and
 * devices are left out.
 */
export async function unpackLayer(
  members: AsyncIterable<TarMember>,
  root: string,
  { budget, signal }: AbortOptions & { readonly budget: UnpackBudget },
): Promise<void> {
  const own = new Set<string>();
  for await (const member of members) {
    signal.throwIfAborted();
    charge(budget, member.sizeBytes);
    const path = pathIn(member.path);
    if (path === "") continue;
    await checkParents(root, path, async (place) => {
      charge(budget, 0);
      await makeOpenDirectory(place);
    });
    const name = posix.basename(path);
    if (name.startsWith(".wh.")) {
      await whiteOut(root, path, own);
      continue;
    }
    await place(root, path, member);
    for (let at = path; at !== "."; at = posix.dirname(at)) own.add(at);
  }
}

function charge(budget: UnpackBudget, sizeBytes: number): void {
  budget.members--;
  budget.bytes -= sizeBytes;
  if (budget.members >= 0 && budget.bytes >= 0) return;
  throw new TypeError("its files are too many or too large");
}

/** Makes a directory that guests of any user may look into, whatever the umask is. */
export async function makeOpenDirectory(path: string): Promise<void> {
  await Deno.mkdir(path);
  await setMode(path, 0o755);
}

async function setMode(path: string, mode: number): Promise<void> {
  if (Deno.build.os !== "windows") await Deno.chmod(path, mode);
}

async function place(
  root: string,
  path: string,
  { kind, target, mode, content }: TarMember,
): Promise<void> {
  const place = join(root, path);
  const before = await lstat(place);
  if (kind === "directory" && before?.isDirectory) return;
  if (kind === "other") return;
  if (before !== undefined) await Deno.remove(place, { recursive: true });
  switch (kind) {
    case "directory":
      await makeOpenDirectory(place);
      break;
    case "file": {
      using file = await Deno.open(place, { write: true, createNew: true });
      // There is nothing to gain by its other bits.
      await setMode(place, (mode & 0o111) === 0 ? 0o644 : 0o755);
      for await (const chunk of content) await writeAll(file, chunk);
      break;
    }
    case "symlink":
      await Deno.symlink(relativeTarget(path, target), place);
      break;
    case "hardlink": {
      const other = pathIn(target);
      await checkParents(root, other);
      const found = await lstat(join(root, other));
      if (!found?.isFile) {
        throw new TypeError(`its file "${path}" is a link to what is no file`);
      }
      await Deno.link(join(root, other), place);
      break;
    }
  }
}

/** The path without what leads nowhere; `""` for the root itself. */
function pathIn(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.length > deepest) {
    throw new TypeError(`its file "${path.slice(0, 100)}…" lies too deep`);
  }
  if (!parts.includes("..") && !path.includes("\0")) return parts.join("/");
  throw new TypeError(`its file "${path}" lies outside of the image`);
}

/** An absolute link as one that means the same wherever the root is. */
function relativeTarget(path: string, target: string): string {
  if (!target.startsWith("/")) return target || ".";
  return posix.relative(posix.dirname(`/${path}`), posix.resolve(target)) ||
    ".";
}

/** Refuses a path on which there is anything but directories; makes those that are missing. */
async function checkParents(
  root: string,
  path: string,
  make?: (place: string) => Promise<void>,
): Promise<void> {
  const parts = path.split("/").slice(0, -1);
  for (let i = 1; i <= parts.length; i++) {
    const part = join(root, ...parts.slice(0, i));
    const found = await lstat(part);
    if (found?.isDirectory) continue;
    if (found === undefined && make !== undefined) await make(part);
    else {
      throw new TypeError(
        `its file "${path}" lies beneath what is no directory`,
      );
    }
  }
}

async function whiteOut(
  root: string,
  path: string,
  own: ReadonlySet<string>,
): Promise<void> {
  const directory = posix.dirname(path);
  const name = posix.basename(path).slice(".wh.".length);
  if (name !== ".wh..opq") {
    const gone = pathIn(posix.join(directory, name));
    // `.wh...` must not take the directory itself, nor one above.
    if (gone === "" || posix.dirname(gone) !== directory) return;
    if (await lstat(join(root, gone))) {
      await Deno.remove(join(root, gone), { recursive: true });
    }
    return;
  }
  await keepOwn(root, directory, own);
}

/** Removes what is in a directory, at any depth, but for the layer's own. */
async function keepOwn(
  root: string,
  directory: string,
  own: ReadonlySet<string>,
): Promise<void> {
  for await (
    const { name, isDirectory } of Deno.readDir(join(root, directory))
  ) {
    const below = posix.join(directory, name);
    if (!own.has(below)) {
      await Deno.remove(join(root, below), { recursive: true });
    } else if (isDirectory) await keepOwn(root, below, own);
  }
}

/** Each of a path's directories is looked at, for each of its files. */
const deepest = 128;

async function lstat(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await file.write(bytes.subarray(written));
  }
}

import { dirname, join } from "node:path";
import type { VolumeFile } from "./container_spec.ts";

const dataLink = "..data";
const newDataLink = "..data_tmp";

/** Who owns what is written to a volume, where a file does not say. */
export interface VolumeOwner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Brings the files of a volume up to date in `directory`, which is made if it is missing.
 *
 * Readers see all of the old files or all of the new ones: as with the kubelet, the files are in
 * a directory `..TIMESTAMP`, the link `..data` is swapped to it, and the visible names are links
 * into `..data`. Nothing is written when nothing changed. Throws a `RangeError` for a path that
 * is not below the volume.
 *
 * @param owner This process's own user unless given, whatever the files say.
 */
export async function writeVolumeFiles(
  directory: string,
  files: readonly VolumeFile[],
  owner?: VolumeOwner,
): Promise<void> {
  for (const { path } of files) checkPath(path);
  await Deno.mkdir(directory, { recursive: true });
  const old = await readLink(join(directory, dataLink));
  if (old === undefined || !(await holds(join(directory, old), files))) {
    const fresh = await writeFresh(directory, files, owner);
    await swapDataLink(directory, fresh);
  }
  await linkNames(directory, files);
  const current = await readLink(join(directory, dataLink));
  for await (const { name } of Deno.readDir(directory)) {
    if (!name.startsWith("..") || name === dataLink || name === current) {
      continue;
    }
    await Deno.remove(join(directory, name), { recursive: true });
  }
}

/** The rules of the kubelet's AtomicWriter; names that start with `..` are its own. */
function checkPath(path: string): void {
  const parts = path.split("/");
  if (!parts.some((part) => part === "" || part === "." || part === "..")) {
    if (!path.startsWith("..") && !path.includes("\0")) return;
  }
  throw new RangeError(
    `Cannot write volume file "${path}": the path must be relative, without ".." and without empty parts`,
  );
}

/** Whether the directory has exactly these files. */
async function holds(
  directory: string,
  files: readonly VolumeFile[],
): Promise<boolean> {
  try {
    let found = 0;
    for await (const _ of walkFiles(directory)) found++;
    if (found !== files.length) return false;
    for (const { path, content, mode } of files) {
      const place = join(directory, path);
      const { isFile, size, mode: oldMode } = await Deno.lstat(place);
      if (!isFile || size !== content.length) return false;
      if (oldMode !== null && (oldMode & 0o7777) !== mode) return false;
      if (!sameBytes(await Deno.readFile(place), content)) return false;
    }
    return true;
  } catch (error) {
    // A crash between two steps may have left anything.
    if (error instanceof Deno.errors.NotFound) return false;
    if (error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

async function* walkFiles(directory: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = join(directory, name);
    if (isDirectory) yield* walkFiles(path);
    else yield path;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Writes the files to a new directory and returns its name. */
async function writeFresh(
  directory: string,
  files: readonly VolumeFile[],
  owner: VolumeOwner | undefined,
): Promise<string> {
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[-:T]/g, "_");
  const root = await Deno.makeTempDir({
    dir: directory,
    prefix: `..${stamp}.`,
  });
  await chmod(root, 0o755);
  for (const { path, content, mode, uid } of files) {
    const place = join(root, path);
    await Deno.mkdir(dirname(place), { recursive: true, mode: 0o755 });
    await Deno.writeFile(place, content, { createNew: true, mode: 0o600 });
    if (owner) await Deno.chown(place, uid ?? owner.uid, owner.gid);
    // The mode of a new file passes the umask; this one must be exact.
    await chmod(place, mode);
  }
  return root.slice(directory.length + 1);
}

async function swapDataLink(directory: string, target: string): Promise<void> {
  const temporary = join(directory, newDataLink);
  await removeIfPresent(temporary);
  await Deno.symlink(target, temporary, { type: "dir" });
  await Deno.rename(temporary, join(directory, dataLink));
}

/** Makes the visible names links into `..data`, and removes those of files that are gone. */
async function linkNames(
  directory: string,
  files: readonly VolumeFile[],
): Promise<void> {
  const names = new Set(files.map(({ path }) => path.split("/", 1).join("")));
  for (const name of names) {
    const link = join(directory, name);
    const target = `${dataLink}/${name}`;
    if (await readLink(link) === target) continue;
    await removeIfPresent(link);
    await Deno.symlink(target, link);
  }
  for await (const { name } of Deno.readDir(directory)) {
    if (name.startsWith("..") || names.has(name)) continue;
    await removeIfPresent(join(directory, name));
  }
}

async function readLink(path: string): Promise<string | undefined> {
  try {
    return (await Deno.lstat(path)).isSymlink
      ? await Deno.readLink(path)
      : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function removeIfPresent(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function chmod(path: string, mode: number): Promise<void> {
  if (Deno.build.os !== "windows") await Deno.chmod(path, mode);
}

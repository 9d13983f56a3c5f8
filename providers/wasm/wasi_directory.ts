import type { DirectoryEntry } from "./descriptors.ts";
import { fileType } from "./file_stat.ts";
import { directoryPath } from "./host_files.ts";

/** What is in an open directory, with `.` and `..` first. */
export function readDirectory(handle: number): readonly DirectoryEntry[] {
  const encoder = new TextEncoder();
  const entries = [".", ".."].map((name) => ({
    name: encoder.encode(name),
    type: fileType.directory as number,
  }));
  for (const entry of Deno.readDirSync(directoryPath(handle))) {
    entries.push({ name: encoder.encode(entry.name), type: typeOf(entry) });
  }
  return entries;
}

/**
 * Fills the space with `dirent` structures and their names, the last one perhaps cut off, and
 * returns how much of it is used. The cookie is the place of the first of these entries.
 */
export function writeEntries(
  entries: readonly DirectoryEntry[],
  space: Uint8Array,
  cookie: number,
): number {
  let used = 0;
  for (const [index, { name, type }] of entries.entries()) {
    if (used >= space.length) break;
    const bytes = new Uint8Array(headerLength + name.length);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(cookie + index + 1), true);
    view.setUint32(16, name.length, true);
    view.setUint8(20, type);
    bytes.set(name, headerLength);
    const fitting = bytes.subarray(0, space.length - used);
    space.set(fitting, used);
    used += fitting.length;
  }
  return used;
}

function typeOf(entry: Deno.DirEntry): number {
  if (entry.isDirectory) return fileType.directory;
  if (entry.isFile) return fileType.regularFile;
  return entry.isSymlink ? fileType.symbolicLink : fileType.unknown;
}

const headerLength = 24;

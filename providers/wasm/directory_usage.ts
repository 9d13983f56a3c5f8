import { join } from "node:path";
import type { AbortOptions } from "../../async/abort.ts";

/** What a directory takes up on its disk. */
export interface DirectoryUsage {
  readonly usedBytes: number;
  /** Files and directories, the directory itself included. */
  readonly inodesUsed: number;
}

/** How many files are looked at, and no more: a node must not spend its time on counting. */
const mostFiles = 50_000;

/**
 * Adds up what is in a directory, as du(1) does: links are not followed, and a file with several
 * names counts once. Of more than 50,000 files the rest is left out. Undefined for a directory that
 * is missing.
 */
export async function directoryUsage(
  directory: string,
  { signal }: AbortOptions,
): Promise<DirectoryUsage | undefined> {
  const links = new Set<string>();
  let usedBytes = 0;
  let inodesUsed = 0;
  const waiting = [directory];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    signal.throwIfAborted();
    const info = await look(path);
    if (info === undefined) continue;
    if (inodesUsed >= mostFiles) break;
    inodesUsed++;
    const { dev, ino, nlink, blocks, size, isDirectory } = info;
    if (isDirectory) waiting.push(...await children(path));
    else if ((nlink ?? 1) > 1) {
      const inode = `${dev}:${ino}`;
      if (links.has(inode)) {
        inodesUsed--;
        continue;
      }
      links.add(inode);
    }
    usedBytes += blocks === null ? size : blocks * 512;
  }
  return inodesUsed === 0 ? undefined : { usedBytes, inodesUsed };
}

async function look(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    // Removed meanwhile, or out of our reach.
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.PermissionDenied) return undefined;
    throw error;
  }
}

async function children(path: string): Promise<readonly string[]> {
  const paths: string[] = [];
  try {
    for await (const { name } of Deno.readDir(path)) {
      if (paths.length > mostFiles) break;
      paths.push(join(path, name));
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return paths;
    if (error instanceof Deno.errors.PermissionDenied) return paths;
    throw error;
  }
  return paths;
}

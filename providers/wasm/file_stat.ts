import fs from "node:fs";
import type { WasiHost } from "./wasi_host.ts";

/** What WASI tells of a file. Times are in nanoseconds since 1970. */
export interface FileStat {
  readonly device: bigint;
  readonly inode: bigint;
  readonly type: number;
  readonly links: bigint;
  readonly size: bigint;
  readonly accessedNanos: bigint;
  readonly modifiedNanos: bigint;
  readonly changedNanos: bigint;
}

/** The file types of WASI preview 1. */
export const fileType = {
  unknown: 0,
  blockDevice: 1,
  characterDevice: 2,
  directory: 3,
  regularFile: 4,
  datagramSocket: 5,
  streamSocket: 6,
  symbolicLink: 7,
} as const;

/** Facts of a file, not of what it links to. */
export function statPath(path: string): FileStat {
  return toFileStat(fs.lstatSync(path, { bigint: true }));
}

/** Sets the times of a file, or of the link if it is one, in seconds. */
export function setPathTimes(
  path: string,
  accessed: number,
  modified: number,
): void {
  fs.lutimesSync(path, accessed, modified);
}

/** What `node:fs` says, in the words of WASI. */
export function toFileStat(stats: fs.BigIntStats): FileStat {
  return {
    device: stats.dev,
    inode: stats.ino,
    type: stats.isDirectory()
      ? fileType.directory
      : stats.isFile()
      ? fileType.regularFile
      : stats.isSymbolicLink()
      ? fileType.symbolicLink
      : stats.isCharacterDevice()
      ? fileType.characterDevice
      : stats.isBlockDevice()
      ? fileType.blockDevice
      : fileType.unknown,
    links: stats.nlink,
    size: stats.size,
    accessedNanos: stats.atimeNs,
    modifiedNanos: stats.mtimeNs,
    changedNanos: stats.ctimeNs,
  };
}

/** Writes a `filestat` structure of a WASI snapshot for the guest. */
export function writeFileStat(
  { memory, snapshot }: Pick<WasiHost, "memory" | "snapshot">,
  pointer: number,
  stat: FileStat,
): void {
  memory.slice(pointer, snapshot === 0 ? 56 : 64).fill(0);
  memory.setUint64(pointer, stat.device);
  memory.setUint64(pointer + 8, stat.inode);
  memory.setUint8(pointer + 16, stat.type);
  // The count of links was of 32 bits once, right after the type.
  if (snapshot === 0) memory.setUint32(pointer + 20, Number(stat.links));
  else memory.setUint64(pointer + 24, stat.links);
  const rest = pointer + (snapshot === 0 ? 24 : 32);
  memory.setUint64(rest, stat.size);
  memory.setUint64(rest + 8, stat.accessedNanos);
  memory.setUint64(rest + 16, stat.modifiedNanos);
  memory.setUint64(rest + 24, stat.changedNanos);
}

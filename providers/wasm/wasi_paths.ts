import { errno } from "./errno.ts";
import { writeFileStat } from "./file_stat.ts";
import { follows, guestDirectories } from "./guest_directories.ts";
import {
  type GuestPath,
  link,
  makeDirectory,
  readLink,
  removeDirectory,
  rename,
  setTimesAt,
  statAt,
  symlink,
  unlinkFile,
} from "./path_operations.ts";
import type { WasiFunctions, WasiHost } from "./wasi_host.ts";

/** The functions that work on a path below an open directory. */
export function pathFunctions(host: WasiHost) {
  const { memory } = host;
  const { directory } = guestDirectories(host);

  function at(
    fd: number,
    path: number,
    length: number,
    lookupFlags = 0,
  ): GuestPath {
    return {
      directory: directory(fd),
      path: memory.text(path, length),
      follow: follows(lookupFlags),
    };
  }

  return {
    path_create_directory(fd: number, path: number, length: number): number {
      makeDirectory(at(fd, path, length));
      return errno.success;
    },
    path_remove_directory(fd: number, path: number, length: number): number {
      removeDirectory(at(fd, path, length));
      return errno.success;
    },
    path_unlink_file(fd: number, path: number, length: number): number {
      unlinkFile(at(fd, path, length));
      return errno.success;
    },
    path_rename(
      fromFd: number,
      from: number,
      fromLength: number,
      toFd: number,
      to: number,
      toLength: number,
    ): number {
      rename(at(fromFd, from, fromLength), at(toFd, to, toLength));
      return errno.success;
    },
    path_link(
      fromFd: number,
      lookupFlags: number,
      from: number,
      fromLength: number,
      toFd: number,
      to: number,
      toLength: number,
    ): number {
      const source = at(fromFd, from, fromLength, lookupFlags);
      link(source, at(toFd, to, toLength));
      return errno.success;
    },
    path_symlink(
      target: number,
      targetLength: number,
      fd: number,
      path: number,
      length: number,
    ): number {
      symlink(memory.text(target, targetLength), at(fd, path, length));
      return errno.success;
    },
    path_readlink(
      fd: number,
      path: number,
      length: number,
      out: number,
      outLength: number,
      outUsed: number,
    ): number {
      const target = readLink(at(fd, path, length));
      const bytes = new TextEncoder().encode(target)
        .subarray(0, outLength >>> 0);
      memory.slice(out, bytes.length).set(bytes);
      memory.setUint32(outUsed, bytes.length);
      return errno.success;
    },
    path_filestat_get(
      fd: number,
      lookupFlags: number,
      path: number,
      length: number,
      out: number,
    ): number {
      writeFileStat(host, out, statAt(at(fd, path, length, lookupFlags)));
      return errno.success;
    },
    path_filestat_set_times(
      fd: number,
      lookupFlags: number,
      path: number,
      length: number,
      accessed: bigint,
      modified: bigint,
      flags: number,
    ): number {
      const request = { accessed, modified, flags };
      setTimesAt(at(fd, path, length, lookupFlags), request);
      return errno.success;
    },
  } satisfies Partial<WasiFunctions>;
}

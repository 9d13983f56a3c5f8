import fs from "node:fs";
import { errno, fail } from "./errno.ts";
import {
  fileType,
  setPathTimes,
  statPath,
  writeFileStat,
} from "./file_stat.ts";
import { timesToSet } from "./file_times.ts";
import { follows, guestDirectories } from "./guest_directories.ts";
import type { WasiFunctions, WasiHost } from "./wasi_host.ts";

/** The functions that work on a path below an open directory. */
export function pathFunctions(host: WasiHost) {
  const { memory } = host;
  const { find, directory, writableDirectory } = guestDirectories(host);

  return {
    path_create_directory(fd: number, path: number, length: number): number {
      using place = find(writableDirectory(fd), memory.text(path, length));
      if (place.isDot) fail(errno.exist);
      Deno.mkdirSync(place.path);
      return errno.success;
    },
    path_remove_directory(fd: number, path: number, length: number): number {
      const name = withoutSlashes(memory.text(path, length));
      using place = find(writableDirectory(fd), name);
      if (place.isDot) fail(errno.inval);
      fs.rmdirSync(place.path);
      return errno.success;
    },
    path_unlink_file(fd: number, path: number, length: number): number {
      using place = find(writableDirectory(fd), memory.text(path, length));
      if (statPath(place.path).type === fileType.directory) fail(errno.isdir);
      if (place.mustBeDirectory) fail(errno.notdir);
      fs.unlinkSync(place.path);
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
      const fromName = withoutSlashes(memory.text(from, fromLength));
      const toName = withoutSlashes(memory.text(to, toLength));
      using source = find(writableDirectory(fromFd), fromName);
      using target = find(writableDirectory(toFd), toName);
      if (source.isDot || target.isDot) fail(errno.busy);
      Deno.renameSync(source.path, target.path);
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
      if (follows(lookupFlags)) fail(errno.inval);
      const fromDirectory = directory(fromFd);
      // Through the new name the guest could write to what is read-only under the old one.
      if (fromDirectory.readOnly) fail(errno.xdev);
      using source = find(fromDirectory, memory.text(from, fromLength));
      using target = find(writableDirectory(toFd), memory.text(to, toLength));
      if (source.mustBeDirectory || target.mustBeDirectory) fail(errno.noent);
      Deno.linkSync(source.path, target.path);
      return errno.success;
    },
    path_symlink(
      target: number,
      targetLength: number,
      fd: number,
      path: number,
      length: number,
    ): number {
      const linked = memory.text(target, targetLength);
      if (linked.startsWith("/")) fail(errno.perm);
      using place = find(writableDirectory(fd), memory.text(path, length));
      if (place.mustBeDirectory) fail(errno.noent);
      Deno.symlinkSync(linked, place.path);
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
      using place = find(directory(fd), memory.text(path, length));
      const target = Deno.readLinkSync(place.path);
      if (target.startsWith("/")) fail(errno.perm);
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
      using place = find(
        directory(fd),
        memory.text(path, length),
        follows(lookupFlags),
      );
      const stat = statPath(place.path);
      if (place.mustBeDirectory && stat.type !== fileType.directory) {
        fail(errno.notdir);
      }
      writeFileStat(memory, out, stat);
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
      using place = find(
        writableDirectory(fd),
        memory.text(path, length),
        follows(lookupFlags),
      );
      const request = { accessed, modified, flags };
      setPathTimes(place.path, ...timesToSet(request, statPath(place.path)));
      return errno.success;
    },
  } satisfies Partial<WasiFunctions>;
}

function withoutSlashes(path: string): string {
  return path.replace(/(?<=[^/])\/+$/, "");
}

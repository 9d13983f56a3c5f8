import type { Descriptor, OpenDirectory, OpenFile } from "./descriptors.ts";
import { errno, fail } from "./errno.ts";
import {
  type FileStat,
  fileType,
  setPathTimes,
  statPath,
  writeFileStat,
} from "./file_stat.ts";
import { timesToSet } from "./file_times.ts";
import { directoryPath } from "./host_files.ts";
import { readDirectory, writeEntries } from "./wasi_directory.ts";
import { fdFlag, type WasiFunctions, type WasiHost } from "./wasi_host.ts";

/** The functions that work on an open file or directory. */
export function fileFunctions(host: WasiHost) {
  const { memory, descriptors, snapshot } = host;

  function close(descriptor: Descriptor): void {
    if (descriptor.kind === "file") descriptor.file.close();
    if (descriptor.kind === "directory") {
      host.files?.closeDirectory(descriptor.handle);
    }
    if (descriptor.kind === "socket") {
      for (const handle of descriptor.handles) host.net?.sockets.close(handle);
    }
  }

  return {
    fd_advise(
      fd: number,
      _start: bigint,
      _length: bigint,
      advice: number,
    ): number {
      descriptors.file(fd);
      if (advice >>> 0 > maxAdvice) fail(errno.inval);
      return errno.success;
    },
    // The system does not have it everywhere: WASI 0.2 has dropped it, wasmtime refuses it too.
    fd_allocate(fd: number): number {
      descriptors.file(fd);
      return errno.notsup;
    },
    fd_close(fd: number): number {
      const descriptor = descriptors.get(fd);
      descriptors.set(fd, undefined);
      close(descriptor);
      return errno.success;
    },
    fd_datasync(fd: number): number {
      descriptors.file(fd).file.syncData();
      return errno.success;
    },
    fd_sync(fd: number): number {
      descriptors.file(fd).file.sync();
      return errno.success;
    },
    fd_fdstat_get(fd: number, out: number): number {
      const descriptor = descriptors.get(fd);
      memory.slice(out, 24).fill(0);
      memory.setUint8(out, typeOf(descriptor));
      memory.setUint16(out + 2, flagsOf(descriptor));
      memory.setUint64(out + 8, rightsOf(descriptor));
      memory.setUint64(out + 16, right.all);
      return errno.success;
    },
    fd_fdstat_set_flags(fd: number, flags: number): number {
      const descriptor = descriptors.get(fd);
      if (descriptor.kind === "directory") return errno.badf;
      // Nothing here writes through to the disk by itself.
      if ((flags & ~(fdFlag.append | fdFlag.nonBlock)) !== 0) {
        return errno.inval;
      }
      if (descriptor.kind === "file") {
        descriptor.append = (flags & fdFlag.append) > 0;
      }
      if (descriptor.kind !== "output") {
        descriptor.nonBlocking = (flags & fdFlag.nonBlock) > 0;
      }
      return errno.success;
    },
    fd_fdstat_set_rights(fd: number): number {
      descriptors.get(fd);
      return errno.notsup;
    },
    fd_filestat_get(fd: number, out: number): number {
      const descriptor = descriptors.get(fd);
      writeFileStat(host, out, statOf(descriptor));
      return errno.success;
    },
    fd_filestat_set_size(fd: number, size: bigint): number {
      const { file, writable } = descriptors.file(fd);
      if (!writable) fail(errno.inval);
      file.truncate(Number(size));
      return errno.success;
    },
    fd_filestat_set_times(
      fd: number,
      accessed: bigint,
      modified: bigint,
      flags: number,
    ): number {
      const descriptor = descriptors.get(fd);
      if (descriptor.kind !== "file" && descriptor.kind !== "directory") {
        return errno.badf;
      }
      if (descriptor.readOnly) return errno.rofs;
      const request = { accessed, modified, flags };
      const times = timesToSet(request, statOf(descriptor));
      if (descriptor.kind === "file") descriptor.file.setTimes(...times);
      else setPathTimes(selfPath(descriptor), ...times);
      return errno.success;
    },
    fd_prestat_get(fd: number, out: number): number {
      const descriptor = descriptors.get(fd);
      // Those who look for directories stop at the first descriptor that is not preopened at all,
      // but pass over one that is something else.
      const isSocket = descriptor.kind === "socket" && descriptor.preopened;
      const length = isSocket ? 0 : preopenName(descriptor).length;
      memory.setUint32(
        out,
        isSocket ? preopenType.other : preopenType.directory,
      );
      memory.setUint32(out + 4, length);
      return errno.success;
    },
    fd_prestat_dir_name(fd: number, out: number, length: number): number {
      const descriptor = descriptors.get(fd);
      if (descriptor.kind !== "directory") return errno.notdir;
      const name = preopenName(descriptor);
      if (name.length > length >>> 0) fail(errno.nametoolong);
      memory.slice(out, name.length).set(name);
      return errno.success;
    },
    fd_readdir(
      fd: number,
      out: number,
      length: number,
      cookie: bigint,
      outUsed: number,
    ): number {
      const directory = descriptors.directory(fd);
      // Listed once, as cookies must stay true while the guest deletes what it finds.
      if (cookie === 0n || directory.entries === undefined) {
        directory.entries = readDirectory(directory.handle);
      }
      const used = writeEntries(
        directory.entries.slice(Number(cookie)),
        memory.slice(out, length),
        Number(cookie),
      );
      memory.setUint32(outUsed, used);
      return errno.success;
    },
    fd_renumber(from: number, to: number): number {
      const descriptor = descriptors.get(from);
      const replaced = descriptors.get(to);
      if (descriptor === replaced) return errno.success;
      close(replaced);
      descriptors.set(to, descriptor);
      descriptors.set(from, undefined);
      return errno.success;
    },
    fd_seek(fd: number, offset: bigint, whence: number, out: number): number {
      const file = descriptors.seekable(fd);
      const from = snapshot === 0 ? [1, 2, 0][whence] : whence;
      const position = seekBase(file, from) + Number(offset);
      if (position < 0) fail(errno.inval);
      memory.setUint64(out, BigInt(position));
      file.position = position;
      return errno.success;
    },
    fd_tell(fd: number, out: number): number {
      memory.setUint64(out, BigInt(descriptors.seekable(fd).position));
      return errno.success;
    },
  } satisfies Partial<WasiFunctions>;
}

function typeOf(descriptor: Descriptor): number {
  switch (descriptor.kind) {
    case "input":
    case "output":
      // A character device would be taken for a terminal.
      return descriptor.terminal ? fileType.characterDevice : fileType.unknown;
    case "file":
      return fileType.regularFile;
    case "directory":
      return fileType.directory;
    case "socket":
      return descriptor.type === "stream"
        ? fileType.streamSocket
        : fileType.datagramSocket;
  }
}

function flagsOf(descriptor: Descriptor): number {
  if (descriptor.kind === "output" || descriptor.kind === "directory") return 0;
  const append = descriptor.kind === "file" && descriptor.append;
  return (append ? fdFlag.append : 0) |
    (descriptor.nonBlocking ? fdFlag.nonBlock : 0);
}

function rightsOf(descriptor: Descriptor): bigint {
  switch (descriptor.kind) {
    case "input":
    case "output":
    case "socket":
      return right.all & ~(right.seek | right.tell);
    case "file":
      return right.all & ~(descriptor.readable ? 0n : right.read) &
        ~(descriptor.writable ? 0n : right.write);
    case "directory":
      return right.all & ~(right.read | right.write | right.seek);
  }
}

function statOf(descriptor: Descriptor): FileStat {
  switch (descriptor.kind) {
    case "file":
      return descriptor.file.stat();
    case "directory":
      return statPath(selfPath(descriptor));
    case "input":
    case "output":
    case "socket":
      return { ...noStat, type: typeOf(descriptor) };
  }
}

/** The directory itself, where the last part of a path is not to be followed. */
function selfPath({ handle }: OpenDirectory): string {
  return `${directoryPath(handle)}/.`;
}

function preopenName(descriptor: Descriptor): Uint8Array {
  const name = descriptor.kind === "directory"
    ? descriptor.preopened
    : undefined;
  return name === undefined ? fail(errno.badf) : new TextEncoder().encode(name);
}

function seekBase(
  { file, position }: OpenFile,
  whence: number | undefined,
): number {
  switch (whence) {
    case 0:
      return 0;
    case 1:
      return position;
    case 2:
      return Number(file.stat().size);
    default:
      return fail(errno.inval);
  }
}

/** `POSIX_FADV_NOREUSE`. */
const maxAdvice = 5;

/** Of what is no file. */
const noStat = {
  device: 0n,
  inode: 0n,
  links: 0n,
  size: 0n,
  accessedNanos: 0n,
  modifiedNanos: 0n,
  changedNanos: 0n,
};

/** WASI itself knows directories alone. */
const preopenType = { directory: 0, other: 1 } as const;

/** Rights of WASI preview 1 that guests look at. */
const right = {
  read: 1n << 1n,
  seek: 1n << 2n,
  tell: 1n << 5n,
  write: 1n << 6n,
  all: (1n << 30n) - 1n,
} as const;

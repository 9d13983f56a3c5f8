import type { ConfinedPath } from "./confined_path.ts";
import { errno, errnoOf, fail } from "./errno.ts";
import { fileType, statPath } from "./file_stat.ts";
import { follows, guestDirectories } from "./guest_directories.ts";
import type { OpenOptions } from "./host_files.ts";
import { fdFlag, type WasiFunctions, type WasiHost } from "./wasi_host.ts";

/** The function that opens files and directories. */
export function openFunctions(host: WasiHost) {
  const { memory, descriptors } = host;
  const { find, directory } = guestDirectories(host);

  return {
    path_open(
      fd: number,
      lookupFlags: number,
      path: number,
      length: number,
      openFlags: number,
      rights: bigint,
      _inherited: bigint,
      fdFlags: number,
      out: number,
    ): number {
      const request = parseOpen(openFlags, rights, fdFlags);
      const parent = directory(fd);
      const { directory: wantsDirectory, create, exclusive } = request;
      const changes = create || request.truncate ||
        (request.write && !wantsDirectory);
      if (changes && parent.readOnly) fail(errno.rofs);
      // Before anything is made: an answer that cannot be given would leave it open for ever.
      memory.span(out, 4);
      const follow = follows(lookupFlags) && !(create && exclusive);
      using place = find(parent, memory.text(path, length), follow);
      const type = findType(place.path);
      const error = openError(request, type, place);
      if (error !== undefined) fail(error);
      const { files, readOnly } = parent;
      const opened = type === fileType.directory
        ? descriptors.add({
          kind: "directory",
          handle: files.openDirectory(place.path),
          readOnly,
        })
        : descriptors.add({
          kind: "file",
          file: files.openFile(place.path, request),
          readable: request.read,
          writable: request.write,
          append: request.append,
          nonBlocking: (fdFlags & fdFlag.nonBlock) > 0,
          readOnly,
          position: 0,
        });
      memory.setUint32(out, opened);
      return errno.success;
    },
  } satisfies Partial<WasiFunctions>;
}

interface OpenRequest extends OpenOptions {
  readonly directory: boolean;
}

/** Preview 1 says by rights what open(2) says by its access mode. */
function parseOpen(
  openFlags: number,
  rights: bigint,
  fdFlags: number,
): OpenRequest {
  const write = (rights & writeRights) !== 0n;
  return {
    write,
    read: !write || (rights & readRights) !== 0n,
    append: (fdFlags & fdFlag.append) > 0,
    create: (openFlags & 1) > 0,
    directory: (openFlags & 2) > 0,
    exclusive: (openFlags & 4) > 0,
    truncate: (openFlags & 8) > 0,
  };
}

/** Why something of this type, or nothing, cannot be opened as the guest asks. */
function openError(
  request: OpenRequest,
  type: number | undefined,
  place: ConfinedPath,
): number | undefined {
  const { create, exclusive, write, directory } = request;
  switch (type) {
    case undefined:
      if (directory || !create) return errno.noent;
      return place.mustBeDirectory ? errno.isdir : undefined;
    case fileType.symbolicLink:
      return create && exclusive ? errno.exist : errno.loop;
    case fileType.directory:
      if (create && exclusive) return errno.exist;
      return (write || create) && !directory ? errno.isdir : undefined;
    case fileType.regularFile:
      if (create && exclusive) return errno.exist;
      return directory || place.mustBeDirectory ? errno.notdir : undefined;
    default:
      // No FIFOs, sockets and devices: opening one may block or do things.
      return errno.acces;
  }
}

function findType(path: string): number | undefined {
  try {
    return statPath(path).type;
  } catch (error) {
    if (errnoOf(error) === errno.noent) return undefined;
    throw error;
  }
}

/** `fd_write`, `fd_allocate` and `fd_filestat_set_size`. */
const writeRights = (1n << 6n) | (1n << 8n) | (1n << 22n);

/** `fd_read` and `fd_readdir`. */
const readRights = (1n << 1n) | (1n << 14n);

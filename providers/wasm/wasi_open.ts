import { errno } from "./errno.ts";
import { follows, guestDirectories } from "./guest_directories.ts";
import { openBelow, type OpenRequest } from "./open_below.ts";
import { fdFlag, type WasiFunctions, type WasiHost } from "./wasi_host.ts";

/** The function that opens files and directories. */
export function openFunctions(host: WasiHost) {
  const { memory, descriptors } = host;
  const { directory } = guestDirectories(host);

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
      const { readOnly } = parent;
      // Before anything is made: an answer that cannot be given would leave it open for ever.
      memory.span(out, 4);
      const opened = openBelow({
        directory: parent,
        path: memory.text(path, length),
        follow: follows(lookupFlags),
      }, request);
      const number = descriptors.add(
        opened.kind === "directory" ? { ...opened, readOnly } : {
          ...opened,
          readable: request.read,
          writable: request.write,
          append: request.append,
          nonBlocking: (fdFlags & fdFlag.nonBlock) > 0,
          readOnly,
          position: 0,
        },
      );
      memory.setUint32(out, number);
      return errno.success;
    },
  } satisfies Partial<WasiFunctions>;
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

/** `fd_write`, `fd_allocate` and `fd_filestat_set_size`. */
const writeRights = (1n << 6n) | (1n << 8n) | (1n << 22n);

/** `fd_read` and `fd_readdir`. */
const readRights = (1n << 1n) | (1n << 14n);

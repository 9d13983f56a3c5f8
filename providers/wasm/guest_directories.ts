import type { OpenDirectory } from "./descriptors.ts";
import { errno, fail } from "./errno.ts";
import type { HostFiles } from "./host_files.ts";
import type { WasiHost } from "./wasi_host.ts";

/** A directory that a guest has open, and what opens things in it. */
export interface GuestDirectory extends OpenDirectory {
  readonly files: HostFiles;
}

/** How the functions for paths look up directories and what is in them. */
export function guestDirectories({ descriptors, files }: WasiHost) {
  function directory(fd: number): GuestDirectory {
    const found = descriptors.directory(fd);
    // Without files there is no directory either.
    return files === undefined ? fail(errno.badf) : { ...found, files };
  }

  return { directory };
}

/** Whether WASI's `lookupflags` ask to follow a link in the last part of a path. */
export function follows(lookupFlags: number): boolean {
  return (lookupFlags & 1) > 0;
}

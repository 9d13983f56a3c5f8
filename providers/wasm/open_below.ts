import type { ConfinedPath } from "./confined_path.ts";
import { errno, errnoOf, fail } from "./errno.ts";
import { fileType, statPath } from "./file_stat.ts";
import type { HostFile, OpenOptions } from "./host_files.ts";
import { find, type GuestPath, withoutSlashes } from "./path_operations.ts";

/** How a guest asks to open something. */
export interface OpenRequest extends OpenOptions {
  /** Whether anything but a directory is an error. */
  readonly directory: boolean;
}

/** What was opened, for the caller to close. */
export type Opened =
  | { readonly kind: "directory"; readonly handle: number }
  | { readonly kind: "file"; readonly file: HostFile };

/**
 * Opens a regular file or a directory without leaving the directory that the path is in, and
 * never anything else. Fails with `EROFS` where that would change what is read-only.
 */
export function openBelow(at: GuestPath, request: OpenRequest): Opened {
  const { files, readOnly } = at.directory;
  const { directory, create, exclusive, truncate, write } = request;
  if (create && directory) fail(errno.inval);
  if (readOnly && (create || truncate || write)) {
    fail(errno.rofs);
  }
  if (create && at.path.endsWith("/")) {
    using _place = find({ ...withoutSlashes(at), follow: false });
    fail(errno.isdir);
  }
  const follow = at.follow === true && !(create && exclusive);
  using place = find({ ...at, follow });
  const type = findType(place.path);
  const error = openError(request, type, place);
  if (error !== undefined) fail(error);
  return type === fileType.directory
    ? { kind: "directory", handle: files.openDirectory(place.path) }
    : { kind: "file", file: files.openFile(place.path, request) };
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
      return write || create ? errno.isdir : undefined;
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

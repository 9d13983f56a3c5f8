import type { ComponentHost } from "./command_interfaces.ts";
import { DirectoryEntries, FileDescriptor } from "./file_descriptor.ts";
import { errorCodeOf } from "./file_error.ts";
import type { IoError } from "./streams.ts";

/** The interfaces of the package `wasi:filesystem`, over the directories of the host. */
export function fileInterfaces({ directories, files }: ComponentHost) {
  const preopens = files === undefined ? [] : directories.map((directory) => {
    const item = { kind: "directory", directory: { ...directory, files } };
    return [item, directory.preopened ?? "/"] as const;
  });
  return {
    "wasi:filesystem/preopens": {
      getDirectories: () =>
        preopens.map(([{ directory }, name]) =>
          [new Preopened({ kind: "directory", directory }), name] as const
        ),
    },
    "wasi:filesystem/types": {
      Descriptor: FileDescriptor,
      DirectoryEntryStream: DirectoryEntries,
      filesystemErrorCode: ({ cause }: IoError) =>
        cause === undefined ? undefined : errorCodeOf(cause),
    },
  };
}

/** A directory of the host that stays open: the guest may ask for it again. */
class Preopened extends FileDescriptor {
  override [Symbol.dispose](): void {}
}

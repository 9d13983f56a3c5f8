import type { FileStat } from "./file_stat.ts";

/** An open regular file of the node. Every call may throw what {@linkcode errnoOf} understands. */
export interface HostFile {
  /** Reads at a position; 0 at the end of the file. */
  read(into: Uint8Array<ArrayBuffer>, position: number): number;
  /** Writes at a position, or at the end of a file that was opened to append. */
  write(from: Uint8Array<ArrayBuffer>, position: number): number;
  stat(): FileStat;
  truncate(length: number): void;
  sync(): void;
  syncData(): void;
  /** Sets the times of the last access and change, in seconds. */
  setTimes(accessed: number, modified: number): void;
  close(): void;
}

/** How to open a regular file. */
export interface OpenOptions {
  readonly read: boolean;
  readonly write: boolean;
  readonly append: boolean;
  readonly create: boolean;
  readonly exclusive: boolean;
  readonly truncate: boolean;
}

/**
 * Opens what a confined path needs, with the flags of open(2) that Deno's own functions lack.
 *
 * A directory is held as a file descriptor of the operating system: a path that begins with
 * {@linkcode directoryPath} names what is in it, whatever happens to its name meanwhile.
 */
export interface HostFiles {
  /** Opens a directory, but not through a link in the path's last part. */
  openDirectory(path: string): number;
  closeDirectory(descriptor: number): void;
  /** Opens a regular file, but not through a link in the path's last part; `EACCES` for others. */
  openFile(path: string, options: OpenOptions): HostFile;
}

/** The path of an open directory. */
export function directoryPath(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}

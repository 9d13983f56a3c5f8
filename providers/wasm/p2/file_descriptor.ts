import { errno, fail } from "../errno.ts";
import { type FileStat, setPathTimes, statPath } from "../file_stat.ts";
import { timesToSet } from "../file_times.ts";
import type { GuestDirectory } from "../guest_directories.ts";
import { directoryPath } from "../host_files.ts";
import { openBelow } from "../open_below.ts";
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
} from "../path_operations.ts";
import { readDirectory } from "../wasi_directory.ts";
import {
  type DescriptorFlags,
  type NewTimestamp,
  type OpenFlags,
  type PathFlags,
  timesRequest,
  toDescriptorStat,
  toHash,
  typeName,
} from "./file_types.ts";
import { withErrorCode } from "./file_error.ts";
import { SharedFile } from "./shared_file.ts";
import type { InputStream, OutputStream } from "./streams.ts";

/** What a descriptor stands for. */
export type OpenItem =
  | {
    readonly kind: "file";
    readonly shared: SharedFile;
    readonly readable: boolean;
    readonly writable: boolean;
    readonly readOnly: boolean;
  }
  | { readonly kind: "directory"; readonly directory: GuestDirectory };

/** The resource `wasi:filesystem/types.descriptor`: an open file or directory. */
export class FileDescriptor implements Disposable {
  readonly #item: OpenItem;

  constructor(item: OpenItem) {
    this.#item = item;
  }

  readViaStream(offset: bigint): InputStream {
    return withErrorCode(() => this.#readable().readFrom(offset));
  }

  writeViaStream(offset: bigint): OutputStream {
    return withErrorCode(() => this.#writable().writeFrom(offset));
  }

  appendViaStream(): OutputStream {
    return withErrorCode(() => this.#writable().writeFrom("end"));
  }

  advise(): void {}

  syncData(): void {
    withErrorCode(() => {
      if (this.#item.kind === "file") this.#item.shared.file.syncData();
    });
  }

  sync(): void {
    withErrorCode(() => {
      if (this.#item.kind === "file") this.#item.shared.file.sync();
    });
  }

  getFlags(): DescriptorFlags {
    const item = this.#item;
    return item.kind === "file"
      ? { read: item.readable, write: item.writable }
      : { read: true, mutateDirectory: !item.directory.readOnly };
  }

  getType(): string {
    return this.#item.kind === "file" ? "regular-file" : "directory";
  }

  setSize(size: bigint): void {
    withErrorCode(() => this.#writable().file.truncate(Number(size)));
  }

  setTimes(accessed: NewTimestamp, modified: NewTimestamp): void {
    withErrorCode(() => {
      const item = this.#item;
      const { readOnly } = item.kind === "file" ? item : item.directory;
      if (readOnly) fail(errno.rofs);
      const request = timesRequest(accessed, modified);
      const times = timesToSet(request, this.#stat());
      if (item.kind === "file") item.shared.file.setTimes(...times);
      else setPathTimes(selfPath(item.directory), ...times);
    });
  }

  read(length: bigint, offset: bigint): readonly [Uint8Array, boolean] {
    return withErrorCode(() => {
      const { file } = this.#readable();
      const most = Math.min(Number(length), maxReadBytes);
      const bytes = new Uint8Array(most);
      const count = file.read(bytes, Number(offset));
      return [bytes.subarray(0, count), most > 0 && count === 0] as const;
    });
  }

  write(bytes: Uint8Array, offset: bigint): bigint {
    return withErrorCode(() => {
      const count = this.#writable().file
        .write(new Uint8Array(bytes), Number(offset));
      return BigInt(count);
    });
  }

  readDirectory(): DirectoryEntries {
    return withErrorCode(() => new DirectoryEntries(this.#directory()));
  }

  stat() {
    return withErrorCode(() => toDescriptorStat(this.#stat()));
  }

  statAt(flags: PathFlags, path: string) {
    return withErrorCode(() => toDescriptorStat(statAt(this.#at(path, flags))));
  }

  metadataHash() {
    return withErrorCode(() => toHash(this.#stat()));
  }

  metadataHashAt(flags: PathFlags, path: string) {
    return withErrorCode(() => toHash(statAt(this.#at(path, flags))));
  }

  isSameObject(other: FileDescriptor): boolean {
    return withErrorCode(() => {
      const [one, another] = [this.#stat(), other.#stat()];
      return one.inode === another.inode && one.device === another.device;
    });
  }

  setTimesAt(
    flags: PathFlags,
    path: string,
    accessed: NewTimestamp,
    modified: NewTimestamp,
  ): void {
    withErrorCode(() =>
      setTimesAt(this.#at(path, flags), timesRequest(accessed, modified))
    );
  }

  createDirectoryAt(path: string): void {
    withErrorCode(() => makeDirectory(this.#at(path)));
  }

  removeDirectoryAt(path: string): void {
    withErrorCode(() => removeDirectory(this.#at(path)));
  }

  unlinkFileAt(path: string): void {
    withErrorCode(() => unlinkFile(this.#at(path)));
  }

  renameAt(from: string, to: FileDescriptor, path: string): void {
    withErrorCode(() => rename(this.#at(from), to.#at(path)));
  }

  linkAt(
    flags: PathFlags,
    from: string,
    to: FileDescriptor,
    path: string,
  ): void {
    withErrorCode(() => link(this.#at(from, flags), to.#at(path)));
  }

  symlinkAt(target: string, path: string): void {
    withErrorCode(() => symlink(target, this.#at(path)));
  }

  readlinkAt(path: string): string {
    return withErrorCode(() => readLink(this.#at(path)));
  }

  openAt(
    pathFlags: PathFlags,
    path: string,
    openFlags: OpenFlags,
    flags: DescriptorFlags,
  ): FileDescriptor {
    return withErrorCode(() => {
      const at = this.#at(path, pathFlags);
      const { readOnly, files } = at.directory;
      const request = {
        read: flags.read === true || flags.write !== true,
        write: flags.write === true,
        append: false,
        create: openFlags.create === true,
        exclusive: openFlags.exclusive === true,
        truncate: openFlags.truncate === true,
        directory: openFlags.directory === true,
      };
      if (flags.mutateDirectory === true && readOnly) fail(errno.rofs);
      const opened = openBelow(at, request);
      if (opened.kind === "directory") {
        const directory = { ...opened, readOnly, files };
        return new FileDescriptor({ kind: "directory", directory });
      }
      return new FileDescriptor({
        kind: "file",
        shared: new SharedFile(opened.file),
        readable: request.read,
        writable: request.write,
        readOnly,
      });
    });
  }

  [Symbol.dispose](): void {
    const item = this.#item;
    if (item.kind === "file") item.shared.release();
    else item.directory.files.closeDirectory(item.directory.handle);
  }

  #at(path: string, { symlinkFollow = false }: PathFlags = {}): GuestPath {
    return { directory: this.#directory(), path, follow: symlinkFollow };
  }

  #directory(): GuestDirectory {
    const item = this.#item;
    return item.kind === "directory" ? item.directory : fail(errno.notdir);
  }

  #readable(): SharedFile {
    const item = this.#item;
    if (item.kind === "directory") return fail(errno.isdir);
    return item.readable ? item.shared : fail(errno.badf);
  }

  #writable(): SharedFile {
    const item = this.#item;
    if (item.kind === "directory") return fail(errno.isdir);
    return item.writable ? item.shared : fail(errno.badf);
  }

  #stat(): FileStat {
    const item = this.#item;
    return item.kind === "file"
      ? item.shared.file.stat()
      : statPath(selfPath(item.directory));
  }
}

/** The resource `wasi:filesystem/types.directory-entry-stream`. */
export class DirectoryEntries {
  readonly #entries: Iterator<{ readonly type: string; readonly name: string }>;

  /** Lists the directory at once. */
  constructor({ handle }: GuestDirectory) {
    this.#entries = readDirectory(handle)
      .map(({ name, type }) => ({
        type: typeName(type),
        name: new TextDecoder().decode(name),
      }))
      .filter(({ name }) => name !== "." && name !== "..")
      .values();
  }

  readDirectoryEntry() {
    const { done, value } = this.#entries.next();
    return done ? undefined : value;
  }
}

/** The directory itself, where the last part of a path is not to be followed. */
function selfPath({ handle }: GuestDirectory): string {
  return `${directoryPath(handle)}/.`;
}

/** A guest must not make its host hold more than this at once. */
const maxReadBytes = 1024 * 1024;

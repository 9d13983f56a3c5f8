import { errno, errnoOfLinux, fail, WasiError } from "./errno.ts";
import { type FileStat, fileType } from "./file_stat.ts";
import {
  directoryPath,
  type HostFile,
  type HostFiles,
  type OpenOptions,
} from "./host_files.ts";
import { directoryFlags, openFlags } from "./open_flags.ts";

/** For Deno up to 2.6: open(2) from the C library, and Deno's files for all that follows. */
export class LibcFiles implements HostFiles, Disposable {
  readonly #libc = Deno.dlopen("libc.so.6", {
    open: { parameters: ["buffer", "i32", "i32"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
    __errno_location: { parameters: [], result: "pointer" },
  });

  /** Closes the library, but nothing that was opened with it. */
  [Symbol.dispose](): void {
    this.#libc.close();
  }

  openDirectory(path: string): number {
    return this.#open(path, directoryFlags());
  }

  closeDirectory(descriptor: number): void {
    this.#libc.symbols.close(descriptor);
  }

  openFile(path: string, options: OpenOptions): HostFile {
    const descriptor = this.#open(path, openFlags(options));
    try {
      const reopened = directoryPath(descriptor);
      if (!Deno.statSync(reopened).isFile) fail(errno.acces);
      const { read, write, append, truncate } = options;
      return new DenoFile(Deno.openSync(reopened, {
        read,
        write: (write || truncate) && !append,
        append: write && append,
      }));
    } finally {
      this.#libc.symbols.close(descriptor);
    }
  }

  #open(path: string, flags: number): number {
    const name = new TextEncoder().encode(`${path}\0`);
    const descriptor = this.#libc.symbols.open(name, flags, 0o666);
    if (descriptor >= 0) return descriptor;
    const location = this.#libc.symbols.__errno_location();
    throw new WasiError(
      location === null
        ? errno.io
        : errnoOfLinux(new Deno.UnsafePointerView(location).getInt32()),
    );
  }
}

class DenoFile implements HostFile {
  readonly #file: Deno.FsFile;

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  read(into: Uint8Array<ArrayBuffer>, position: number): number {
    this.#file.seekSync(position, Deno.SeekMode.Start);
    return this.#file.readSync(into) ?? 0;
  }

  write(from: Uint8Array<ArrayBuffer>, position: number): number {
    this.#file.seekSync(position, Deno.SeekMode.Start);
    return this.#file.writeSync(from);
  }

  stat(): FileStat {
    const info = this.#file.statSync();
    return {
      device: BigInt(info.dev),
      inode: BigInt(info.ino ?? 0),
      type: info.isFile ? fileType.regularFile : fileType.unknown,
      links: BigInt(info.nlink ?? 1),
      size: BigInt(info.size),
      accessedNanos: millisToNanos(info.atime?.getTime()),
      modifiedNanos: millisToNanos(info.mtime?.getTime()),
      changedNanos: millisToNanos(info.ctime?.getTime()),
    };
  }

  truncate(length: number): void {
    this.#file.truncateSync(length);
  }

  sync(): void {
    this.#file.syncSync();
  }

  syncData(): void {
    this.#file.syncDataSync();
  }

  setTimes(accessed: number, modified: number): void {
    this.#file.utimeSync(accessed, modified);
  }

  close(): void {
    this.#file.close();
  }
}

function millisToNanos(millis = 0): bigint {
  return BigInt(millis) * 1_000_000n;
}

import fs from "node:fs";
import { errno, fail } from "./errno.ts";
import { type FileStat, fileType, toFileStat } from "./file_stat.ts";
import {
  directoryPath,
  type HostFile,
  type HostFiles,
  type OpenOptions,
} from "./host_files.ts";
import { directoryFlags, openFlags } from "./open_flags.ts";

/** Whether {@linkcode NodeFiles} works: up to Deno 2.6, `node:fs` has numbers of its own for files. */
export function nodeHasRealDescriptors(): boolean {
  const descriptor = fs.openSync("/", directoryFlags());
  try {
    return Deno.readLinkSync(directoryPath(descriptor)) === "/";
  } catch {
    // No such descriptor in the operating system: it is a number of Deno's.
    return false;
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Files by way of `node:fs`. */
export class NodeFiles implements HostFiles {
  openDirectory(path: string): number {
    return fs.openSync(path, directoryFlags());
  }

  closeDirectory(descriptor: number): void {
    fs.closeSync(descriptor);
  }

  openFile(path: string, options: OpenOptions): HostFile {
    const file = new NodeFile(fs.openSync(path, openFlags(options), 0o666));
    if (file.stat().type === fileType.regularFile) return file;
    file.close();
    return fail(errno.acces);
  }
}

class NodeFile implements HostFile {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  read(into: Uint8Array<ArrayBuffer>, position: number): number {
    return fs.readSync(this.#descriptor, into, 0, into.length, position);
  }

  write(from: Uint8Array<ArrayBuffer>, position: number): number {
    return fs.writeSync(this.#descriptor, from, 0, from.length, position);
  }

  stat(): FileStat {
    return toFileStat(fs.fstatSync(this.#descriptor, { bigint: true }));
  }

  truncate(length: number): void {
    fs.ftruncateSync(this.#descriptor, length);
  }

  sync(): void {
    fs.fsyncSync(this.#descriptor);
  }

  syncData(): void {
    fs.fdatasyncSync(this.#descriptor);
  }

  setTimes(accessed: number, modified: number): void {
    fs.futimesSync(this.#descriptor, accessed, modified);
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}

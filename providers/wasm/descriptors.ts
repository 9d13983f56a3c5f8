import { errno, fail } from "./errno.ts";
import type { GuestSocket } from "./guest_sockets.ts";
import type { HostFile } from "./host_files.ts";

/** Where a guest's standard input comes from. */
export interface GuestInput {
  /** Whether {@linkcode take} has something to give, or the end. */
  readonly ready: boolean;
  /** Resolves when it is ready. */
  untilReady(): Promise<void>;
  /** Takes up to so many bytes of a ready input; nothing at its end. */
  take(maxLength: number): Uint8Array;
}

/** Takes bytes of a guest's output and says how many it took. */
export type GuestOutput = (bytes: Uint8Array) => number;

/** A file that a guest has open. */
export interface OpenFile {
  readonly kind: "file";
  readonly file: HostFile;
  readonly readable: boolean;
  readonly writable: boolean;
  /** Whether a change through it fails with `EROFS`. */
  readonly readOnly: boolean;
  append: boolean;
  nonBlocking: boolean;
  position: number;
}

/** A directory that a guest has open. */
export interface OpenDirectory {
  readonly kind: "directory";
  /** The descriptor of the operating system. */
  readonly handle: number;
  readonly readOnly: boolean;
  /** The name under which a guest finds it at its start. */
  readonly preopened?: string;
  /** What was in it when the guest began to list it. */
  entries?: readonly DirectoryEntry[];
}

/** One name in a directory, with its file type in WASI. */
export interface DirectoryEntry {
  readonly name: Uint8Array;
  readonly type: number;
}

/** The guest's standard input. */
export interface GuestStandardInput {
  readonly kind: "input";
  readonly input: GuestInput;
  /** Whether the guest takes it for a terminal; false unless given. */
  readonly terminal?: boolean;
  nonBlocking: boolean;
}

/** One of the guest's standard outputs. */
export interface GuestStandardOutput {
  readonly kind: "output";
  readonly output: GuestOutput;
  readonly terminal?: boolean;
}

/** What a guest's file descriptor stands for. */
export type Descriptor =
  | GuestStandardInput
  | GuestStandardOutput
  | OpenFile
  | OpenDirectory
  | GuestSocket;

/** The file descriptors of a guest. */
export class DescriptorTable {
  readonly #descriptors: (Descriptor | undefined)[];
  readonly #most: number;

  /**
   * Numbers the descriptors from 0 on.
   * @param most How many there can be: 1000 unless given.
   */
  constructor(descriptors: readonly Descriptor[], most = mostDescriptors) {
    this.#descriptors = [...descriptors];
    this.#most = most;
  }

  find(number: number): Descriptor | undefined {
    return this.#descriptors[number >>> 0];
  }

  /** Fails with `EBADF` for a number that is not in use. */
  get(number: number): Descriptor {
    return this.find(number) ?? fail(errno.badf);
  }

  /** Fails with `ENOTDIR` for files, with `EBADF` for what is neither. */
  directory(number: number): OpenDirectory {
    const descriptor = this.get(number);
    if (descriptor.kind === "directory") return descriptor;
    return fail(descriptor.kind === "file" ? errno.notdir : errno.badf);
  }

  /** Fails also with `ENOTSOCK`. */
  socket(number: number): GuestSocket {
    const descriptor = this.get(number);
    return descriptor.kind === "socket" ? descriptor : fail(errno.notsock);
  }

  /** Fails with `EBADF` for directories, with `ESPIPE` for streams and sockets. */
  seekable(number: number): OpenFile {
    const descriptor = this.get(number);
    if (descriptor.kind === "file") return descriptor;
    return fail(descriptor.kind === "directory" ? errno.badf : errno.spipe);
  }

  /** Fails with `EBADF` for anything else. */
  file(number: number): OpenFile {
    const descriptor = this.get(number);
    return descriptor.kind === "file" ? descriptor : fail(errno.badf);
  }

  /** Gives a descriptor the lowest free number above the standard streams. */
  add(descriptor: Descriptor): number {
    let number = 3;
    while (this.#descriptors[number] !== undefined) number++;
    if (number >= this.#most) fail(errno.mfile);
    this.#descriptors[number] = descriptor;
    return number;
  }

  /** Gives the number to another descriptor, or to none. */
  set(number: number, descriptor: Descriptor | undefined): void {
    this.#descriptors[number >>> 0] = descriptor;
  }
}

/** As many as Linux's default soft limit leaves to the guest. */
const mostDescriptors = 1000;

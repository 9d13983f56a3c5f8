import { type LogStream, RecordCutter } from "./log_line.ts";
import { removeOldLogs, rotatedPath } from "./log_rotation.ts";

/** When {@linkcode LogFile} begins a new file, and how many it keeps. */
export interface LogFileOptions {
  /** Size from which the current file is put aside; 10 MiB, the kubelet's default. */
  readonly maxBytes?: number;
  /** Files kept, the current one included; 5, the kubelet's default. */
  readonly maxFiles?: number;
}

/** A log that is being written: what a reader that follows must know. */
export interface LiveLog {
  /** Whether all has been written. */
  readonly ended: boolean;
  /** How often the current file has been put aside; changes together with the files. */
  readonly rotations: number;
  /** Resolves when something was written, or the log ended, after the call. */
  changed(): Promise<void>;
}

/**
 * Writes the log of one container in the CRI format, to one current file and rotated ones beside
 * it (`0.log`, `0.log.20260131-120000.000`), as the kubelet does.
 */
export class LogFile implements LiveLog, AsyncDisposable {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #maxFiles: number;
  readonly #cutters: Readonly<Record<LogStream, RecordCutter>> = {
    stdout: new RecordCutter("stdout"),
    stderr: new RecordCutter("stderr"),
  };
  #file: Deno.FsFile;
  #size = 0;
  #lastTime = 0;
  #lastRotation = 0;
  #rotations = 0;
  #queue: Promise<void> = Promise.resolve();
  #ending: Promise<void> | undefined;
  #ended = false;
  #change: PromiseWithResolvers<void> | undefined;

  private constructor(
    path: string,
    file: Deno.FsFile,
    { maxBytes = 10 * 2 ** 20, maxFiles = 5 }: LogFileOptions,
  ) {
    this.#path = path;
    this.#file = file;
    this.#maxBytes = maxBytes;
    this.#maxFiles = maxFiles;
  }

  /** Makes the file, with mode 0600; its directory must be there and the file must not. */
  static async create(
    path: string,
    options: LogFileOptions = {},
  ): Promise<LogFile> {
    const file = await Deno.open(path, {
      append: true,
      createNew: true,
      mode: 0o600,
    });
    return new LogFile(path, file, options);
  }

  get ended(): boolean {
    return this.#ended;
  }

  get rotations(): number {
    return this.#rotations;
  }

  changed(): Promise<void> {
    if (this.#ended) return Promise.resolve();
    this.#change ??= Promise.withResolvers();
    return this.#change.promise;
  }

  /**
   * Adds output of one stream; resolves when its complete lines are in the file, so that a writer
   * that awaits it goes no faster than the disk. A failed write leaves no half record behind.
   */
  write(stream: LogStream, chunk: Uint8Array): Promise<void> {
    return this.#append(this.#cutters[stream].cut(chunk, this.#now()));
  }

  /** Writes the lines that have no end yet and closes the log; readers that follow end. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  async #end(): Promise<void> {
    try {
      const { stdout, stderr } = this.#cutters;
      await this.#append(stdout.end(this.#now()));
      await this.#append(stderr.end(this.#now()));
    } finally {
      this.#ended = true;
      this.#file.close();
      this.#notify();
    }
  }

  #append(records: Uint8Array<ArrayBuffer>): Promise<void> {
    if (records.length === 0) return this.#queue;
    const written = this.#queue.then(() => this.#writeAll(records));
    // The caller of this write hears of its failure; the next write tries anew.
    this.#queue = written.catch(() => undefined);
    return written;
  }

  async #writeAll(records: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      for (let at = 0; at < records.length;) {
        at += await this.#file.write(records.subarray(at));
      }
    } catch (error) {
      await this.#file.truncate(this.#size);
      throw new Error(`Cannot write log "${this.#path}"`, { cause: error });
    }
    this.#size += records.length;
    if (this.#size >= this.#maxBytes) {
      this.#rotate();
      await removeOldLogs(this.#path, this.#maxFiles);
    }
    this.#notify();
  }

  /** Synchronous, so that readers see `rotations` change together with the files. */
  #rotate(): void {
    this.#lastRotation = Math.max(Date.now(), this.#lastRotation + 1);
    Deno.renameSync(
      this.#path,
      rotatedPath(this.#path, new Date(this.#lastRotation)),
    );
    this.#file.close();
    this.#file = Deno.openSync(this.#path, {
      append: true,
      createNew: true,
      mode: 0o600,
    });
    this.#size = 0;
    this.#rotations++;
  }

  #notify(): void {
    this.#change?.resolve();
    this.#change = undefined;
  }

  /** Never goes back, so that the records of a log are in the order of their times. */
  #now(): Date {
    this.#lastTime = Math.max(Date.now(), this.#lastTime);
    return new Date(this.#lastTime);
  }
}

import type { LiveLog } from "./log_file.ts";
import type { LogStream } from "./log_line.ts";
import { listLogs } from "./log_rotation.ts";
import { findTail, type LogPosition } from "./log_tail.ts";

/**
 * The files of one log, opened together and read one after the other.
 *
 * Open files stay readable when they are put aside or removed meanwhile.
 */
export class OpenLog implements Disposable {
  readonly #path: string;
  readonly #live: LiveLog | undefined;
  #files: Deno.FsFile[];
  #rotations: number;

  private constructor(
    path: string,
    live: LiveLog | undefined,
    { files, rotations }: Snapshot,
  ) {
    this.#path = path;
    this.#live = live;
    this.#files = files;
    this.#rotations = rotations;
  }

  /** Opens the log whose current file is `path`; throws `Deno.errors.NotFound` if there is none. */
  static async open(path: string, live?: LiveLog): Promise<OpenLog> {
    const snapshot = await openFiles(path, live);
    if (snapshot.files.length > 0) return new OpenLog(path, live, snapshot);
    throw new Deno.errors.NotFound(`Cannot read log "${path}": it is missing`);
  }

  /** Reads on in the current file; null at its end, as `Deno.FsFile.read`. */
  read(buffer: Uint8Array): Promise<number | null> {
    return this.#current.read(buffer);
  }

  /** Goes on to the next file, if there is one. */
  next(): boolean {
    if (this.#files.length === 1) return false;
    this.#files.shift()?.close();
    return true;
  }

  /** Looks for files that were begun after the last one; the last one is complete then. */
  async findNewer(): Promise<boolean> {
    if (this.#live === undefined || this.#live.rotations === this.#rotations) {
      return false;
    }
    const last = await this.#current.stat();
    const { files, rotations } = await openFiles(this.#path, this.#live);
    this.#rotations = rotations;
    const stats = await Promise.all(files.map((file) => file.stat()));
    const known = stats.findIndex(({ dev, ino }) =>
      dev === last.dev && ino === last.ino
    );
    for (const file of files.splice(0, known + 1)) file.close();
    this.#files.push(...files);
    return files.length > 0;
  }

  /** Where the last `lines` lines begin. */
  tail(lines: number, stream: LogStream | undefined): Promise<LogPosition> {
    return findTail(
      this.#files,
      stream === undefined ? { lines } : { lines, stream },
    );
  }

  /** Goes to `position`, which counts from the current file. */
  async skipTo({ file, offset }: LogPosition): Promise<void> {
    for (let skipped = 0; skipped < file; skipped++) this.next();
    for (const later of this.#files.slice(1)) {
      await later.seek(0, Deno.SeekMode.Start);
    }
    await this.#current.seek(offset, Deno.SeekMode.Start);
  }

  /** Skips the files that were put aside before `since`. */
  async skipOlder(since: Date): Promise<void> {
    while (this.#files.length > 1) {
      const { mtime } = await this.#current.stat();
      if (mtime === null || mtime.getTime() >= since.getTime()) return;
      this.next();
    }
  }

  [Symbol.dispose](): void {
    for (const file of this.#files.splice(0)) file.close();
  }

  get #current(): Deno.FsFile {
    const [file] = this.#files;
    if (file === undefined) throw new Deno.errors.BadResource("Log is closed");
    return file;
  }
}

interface Snapshot {
  readonly files: Deno.FsFile[];
  /** The writer's count while these were its files. */
  readonly rotations: number;
}

/** Opens the files as they were at one moment, however often the writer puts them aside. */
async function openFiles(
  path: string,
  live: LiveLog | undefined,
): Promise<Snapshot> {
  for (;;) {
    const rotations = live?.rotations ?? 0;
    const files: Deno.FsFile[] = [];
    try {
      for (const each of await listLogs(path)) {
        files.push(await Deno.open(each));
      }
      if ((live?.rotations ?? 0) === rotations) return { files, rotations };
    } catch (error) {
      // An old file was removed between the two steps: a writer does so after it put one aside.
      if (live === undefined || !(error instanceof Deno.errors.NotFound)) {
        for (const file of files) file.close();
        throw error;
      }
    }
    for (const file of files) file.close();
  }
}

/** Where a runner tells the agent something: opened while the runner still may, and empty at first. */
export class RunnerFile<T extends object> implements Disposable {
  readonly #file: Deno.FsFile | undefined;
  #length = 0;

  /** @param path None: nobody is told. */
  constructor(path: string | undefined) {
    if (path === undefined) return;
    const mode = 0o600;
    this.#file = Deno.openSync(path, { write: true, create: true, mode });
  }

  /** Replaces what was written before. */
  write(value: T): void {
    if (this.#file === undefined) return;
    const text = new TextEncoder().encode(JSON.stringify(value));
    // Never shorter, so that a reader never sees the end of what was there before.
    this.#length = Math.max(this.#length, text.length);
    const bytes = new Uint8Array(this.#length).fill(0x20);
    bytes.set(text);
    this.#file.seekSync(0, Deno.SeekMode.Start);
    for (let at = 0; at < bytes.length;) {
      at += this.#file.writeSync(bytes.subarray(at));
    }
  }

  [Symbol.dispose](): void {
    this.#file?.close();
  }
}

/** What was written to a {@linkcode RunnerFile}; undefined where nothing was, or not all of it. */
export async function readRunnerFile<T extends object>(
  path: string,
): Promise<T | undefined> {
  try {
    const text = await Deno.readTextFile(path);
    return text === "" ? undefined : JSON.parse(text) as T;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    // It is being written, or its runner was killed over that.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

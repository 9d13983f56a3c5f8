import { join } from "node:path";
import { list, remove } from "../records.ts";
import { runWasmtime } from "./run_wasmtime.ts";

/**
 * What wasmtime made of modules and components, by their digest, so that each is compiled but once.
 * Only the agent's user can write there: no guest's process makes what another one runs.
 */
export class CompiledPrograms {
  readonly #program: string;
  readonly #suffix: string;
  readonly #root: string;
  /** The making of the newest one: one at a time, as each takes all processors. */
  #making: Promise<unknown> = Promise.resolve();

  constructor({ program, version, root }: {
    readonly program: string;
    readonly version: string;
    readonly root: string;
  }) {
    this.#program = program;
    this.#suffix = `-${version}.cwasm`;
    this.#root = root;
  }

  /** The file with the code. Throws an `Error` that says why there cannot be one. */
  async find(path: string, digest: string): Promise<string> {
    const hex = digest.slice(digest.indexOf(":") + 1);
    const file = join(this.#root, `${hex}${this.#suffix}`);
    if (await touch(file)) return file;
    const making = this.#making.then(async () => {
      if (await touch(file)) return;
      await this.#compile(path, file);
      await this.#removeUnused();
    });
    this.#making = making.catch(() => undefined);
    await making;
    return file;
  }

  async #compile(path: string, file: string): Promise<void> {
    await Deno.mkdir(this.#root, { recursive: true, mode: 0o700 });
    const scratch = `${file}.new`;
    await runWasmtime(this.#program, ["compile", "-o", scratch, path]);
    // Whoever a guest's process is for the kernel reads it, if it was opened for it.
    await Deno.chmod(scratch, 0o644);
    await Deno.rename(scratch, file);
  }

  /** Those that no container was started from for a while, or of another wasmtime. */
  async #removeUnused(): Promise<void> {
    for (const name of await list(this.#root)) {
      const path = join(this.#root, name);
      const { mtime } = await Deno.stat(path);
      const age = Date.now() - (mtime ?? new Date(0)).getTime();
      const limit = name.endsWith(this.#suffix) ? unusedFor : cutOffAfter;
      if (age > limit) await remove(path);
    }
  }
}

const unusedFor = 30 * 24 * 3600_000;

const cutOffAfter = 24 * 3600_000;

/** Whether it is there; it then counts as used now. */
async function touch(file: string): Promise<boolean> {
  try {
    const now = new Date();
    await Deno.utime(file, now, now);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

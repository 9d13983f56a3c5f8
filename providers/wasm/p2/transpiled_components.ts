import { join } from "node:path";
import { Deadline } from "../../../async/deadline.ts";
import { list, remove } from "../records.ts";
import { type RunnerLaunch, RunnerProcess } from "../runner_process.ts";
import { bindgenVersion, findBindgen } from "./bindgen_files.ts";
import { bindingsFile, type TranspileTask } from "./transpile.ts";

/** What components were made into, by their digest; made in a child process where it is missing. */
export class TranspiledComponents {
  readonly #root: string;
  readonly #launch: RunnerLaunch;
  /** The making of the newest one: one at a time, as each takes some 250 MB of memory. */
  #making: Promise<unknown> = Promise.resolve();

  constructor(stateDir: string, launch: RunnerLaunch) {
    this.#root = join(stateDir, "components");
    this.#launch = launch;
  }

  /** The directory for a component. Throws an `Error` that says why there cannot be one. */
  async find(component: string, digest: string): Promise<string> {
    const hex = digest.slice(digest.indexOf(":") + 1);
    const directory = join(this.#root, `${hex}-${generator}`);
    const making = this.#making.then(async () => {
      if (await touch(directory)) return;
      await this.#make(component, directory);
      await this.#removeUnused();
    });
    this.#making = making.catch(() => undefined);
    await making;
    return directory;
  }

  async #make(component: string, directory: string): Promise<void> {
    await Deno.mkdir(this.#root, { recursive: true, mode: 0o700 });
    const scratch = await Deno.makeTempDir({
      dir: this.#root,
      prefix: "making-",
    });
    try {
      const bindgen = await findBindgen();
      await this.#run({
        kind: "transpile",
        component,
        directory: scratch,
        bindgen,
      });
      await Deno.rename(scratch, directory);
    } catch (error) {
      await remove(scratch);
      throw error;
    }
  }

  async #run(task: TranspileTask): Promise<void> {
    using deadline = new Deadline(timeout, {
      signal: new AbortController().signal,
    });
    const child = RunnerProcess.spawn(this.#launch, task);
    deadline.signal.addEventListener("abort", () => child.kill("SIGKILL"));
    const [{ code }, , message] = await Promise.all([
      child.status,
      new Response(child.stdout).arrayBuffer(),
      new Response(child.stderr).text(),
    ]);
    await child.closeStdin();
    if (deadline.expired) {
      throw new Error(`component was not ready within ${timeout / 1000} s`);
    }
    if (code !== 0) {
      throw new Error(`component cannot be transpiled: ${message.trim()}`);
    }
  }

  /** Those that no container was started from for a while, or of another version of the generator. */
  async #removeUnused(): Promise<void> {
    for (const name of await list(this.#root)) {
      const path = join(this.#root, name);
      const { mtime } = await Deno.stat(path);
      const age = Date.now() - (mtime ?? new Date(0)).getTime();
      const limit = name.endsWith(`-${generator}`) ? unusedFor : cutOffAfter;
      if (age > limit) await remove(path);
    }
  }
}

/** Changes whenever the same component is made into something else. */
const generator = `${bindgenVersion}-1`;

/** Some seconds are usual for the largest components. */
const timeout = 120_000;

const unusedFor = 30 * 24 * 3600_000;

const cutOffAfter = 24 * 3600_000;

/** Whether it is there; it then counts as used now. */
async function touch(directory: string): Promise<boolean> {
  try {
    await Deno.stat(join(directory, bindingsFile));
    const now = new Date();
    await Deno.utime(directory, now, now);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

import { join } from "node:path";
import {
  identifyProcess,
  isRunning,
  type ProcessIdentity,
} from "./process_identity.ts";

/** Holds a state directory for this process: nobody else can lock it until it is disposed of. */
export class StateLock implements Disposable {
  #file: Deno.FsFile | undefined;

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** Locks the directory, or says who has it. A lock ends with its process, however that ends. */
  static async acquire(stateDir: string): Promise<StateLock> {
    const path = join(stateDir, "lock");
    const file = await Deno.open(path, {
      read: true,
      write: true,
      create: true,
      mode: 0o600,
    });
    try {
      const holder = await readHolder(path);
      if (!(await tryLock(file, holder))) {
        const who = holder === undefined ? "" : ` (process ${holder.pid})`;
        throw new Error(
          `Cannot use state directory "${stateDir}": another agent${who} uses it; stop that one, or give this one a directory of its own`,
        );
      }
      await file.truncate(0);
      const own = await identifyProcess(Deno.pid);
      await file.write(new TextEncoder().encode(JSON.stringify(own)));
      return new StateLock(file);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    // The name stays: removing it would let two agents lock two files of one name.
    this.#file?.truncateSync(0);
    this.#file?.close();
    this.#file = undefined;
  }
}

/** Deno 2.6 cannot try a lock without waiting for it; there the named holder decides. */
async function tryLock(
  file: Deno.FsFile & { tryLock?: Deno.FsFile["tryLock"] },
  holder: ProcessIdentity | undefined,
): Promise<boolean> {
  if (file.tryLock !== undefined) return await file.tryLock(true);
  return holder === undefined || !(await isRunning(holder));
}

async function readHolder(path: string): Promise<ProcessIdentity | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch {
    return undefined; // Empty or half written: nobody who holds it can be named.
  }
}

import { join } from "node:path";
import { sha256Hex } from "./modules.ts";
import { list, readRecord, remove, writeRecord } from "./records.ts";

/** A state directory whose containers use images of a store. */
interface StoreUser {
  readonly stateDir: string;
}

/**
 * Who uses which images of a store: the records of the runs in every state directory that shares
 * it. It is true after any crash, as those records are.
 */
export class ImageUses {
  readonly #usersDir: string;
  readonly #stateDir: string;

  constructor(stateDir: string) {
    this.#stateDir = stateDir;
    this.#usersDir = join(stateDir, "modules", "users");
  }

  /** Says that this state directory has containers with images of the store. */
  async register(): Promise<void> {
    const stateDir = await Deno.realPath(this.#stateDir);
    const own = await Deno.realPath(join(stateDir, "modules"));
    if (own === join(stateDir, "modules")) return; // It is this store's own.
    await Deno.mkdir(this.#usersDir, { recursive: true, mode: 0o700 });
    const name = `${await sha256Hex(stateDir)}.json`;
    await writeRecord(join(this.#usersDir, name), { stateDir });
  }

  /** What the containers use, running or not, as pods know their images. */
  async used(): Promise<ReadonlySet<string>> {
    const images = new Set<string>();
    for (const stateDir of await this.#stateDirs()) {
      for (const imageId of await imagesOf(stateDir)) images.add(imageId);
    }
    return images;
  }

  async #stateDirs(): Promise<readonly string[]> {
    const found = [this.#stateDir];
    try {
      // The store may be another state directory's.
      const store = await Deno.realPath(join(this.#stateDir, "modules"));
      found.push(join(store, ".."));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    for (const file of await list(this.#usersDir)) {
      if (!file.endsWith(".json")) continue;
      const path = join(this.#usersDir, file);
      const user = await readRecord<StoreUser>(path);
      if (user === undefined) continue;
      if (await isDirectory(user.stateDir)) found.push(user.stateDir);
      else await remove(path);
    }
    return found;
  }
}

/** Only read: the directory may be another process's. */
async function imagesOf(stateDir: string): Promise<readonly string[]> {
  const images: string[] = [];
  const pods = join(stateDir, "pods");
  for (const pod of await list(pods)) {
    const containers = join(pods, pod, "containers");
    for (const container of await list(containers)) {
      for (const attempt of await list(join(containers, container))) {
        const record = await readRecord<{ readonly imageId?: string }>(
          join(containers, container, attempt, "container.json"),
        );
        if (record?.imageId !== undefined) images.push(record.imageId);
      }
    }
  }
  return images;
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

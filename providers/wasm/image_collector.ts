import { statfs } from "node:fs/promises";
import type { AbortOptions } from "../../async/abort.ts";
import { delay } from "../../async/delay.ts";
import { getLogger } from "../../async/log.ts";
import { imageGarbage } from "../image_garbage.ts";
import type { ImageUses } from "./image_uses.ts";
import type { ModuleStore, StoredModule } from "./modules.ts";

/** What {@linkcode ImageCollector} works with. */
export interface ImageCollectorParts {
  readonly store: ModuleStore;
  readonly uses: ImageUses;
  /** On the disk that the store is on. */
  readonly stateDir: string;
}

/** The kubelet's `ImageGCPeriod`. */
const period = 5 * 60_000;
/** A pod that has just asked for an image is about to start with it. */
const aboutToStart = 120_000;

const log = getLogger("wasm");

/**
 * Removes images that were pulled and that no container has, when the disk is nearly full. What
 * was loaded from files stays: nobody else has it.
 */
export class ImageCollector implements AsyncDisposable {
  readonly #parts: ImageCollectorParts;
  readonly #lastUsed = new Map<string, Date>();
  readonly #stop = new AbortController();
  readonly #rounds: Promise<void>;

  constructor(parts: ImageCollectorParts) {
    this.#parts = parts;
    this.#rounds = this.#run();
  }

  /** Remembers that a pod has need of an image. */
  use(imageId: string): void {
    this.#lastUsed.set(imageId, new Date());
  }

  /**
   * Looks how full the disk is, and removes what is needed to get it below the threshold; all that
   * is not used with `allUnused`.
   */
  async collect(
    { allUnused = false, signal }: AbortOptions & {
      readonly allUnused?: boolean;
    },
  ): Promise<void> {
    const { store, uses, stateDir } = this.#parts;
    const images = imagesOf(await store.list());
    const used = await uses.used();
    for (const imageId of used) this.use(imageId);
    const now = new Date();
    const candidates = images.map(({ imageId, sizeBytes, pulledAt }) => {
      const lastUsed = this.#lastUsed.get(imageId) ?? pulledAt;
      const isRecent = now.getTime() - lastUsed.getTime() < aboutToStart;
      const inUse = used.has(imageId) || isRecent;
      return {
        id: imageId,
        sizeBytes,
        firstSeen: pulledAt,
        lastUsed,
        inUse,
      };
    });
    const { bsize, blocks, bavail } = await statfs(stateDir);
    const usage = {
      capacityBytes: blocks * bsize,
      availableBytes: bavail * bsize,
    };
    const garbage = imageGarbage(
      candidates,
      allUnused ? fullDisk : usage,
      now,
    );
    for (const { id, sizeBytes } of garbage) {
      signal.throwIfAborted();
      await store.removeImage(id);
      this.#lastUsed.delete(id);
      log.info("Removed an image to make room", { image: id, sizeBytes });
    }
    await store.sweep(used);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#rounds;
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await delay(period, { signal });
        await this.collect({ signal });
      } catch (error) {
        if (signal.aborted) return;
        log.warn("Cannot remove images that nobody uses", { error });
      }
    }
  }
}

/** What can be fetched again, each with its names taken together. */
function imagesOf(stored: readonly StoredModule[]) {
  const pulled = stored.flatMap(({ pulled, sizeBytes }) =>
    pulled === undefined ? [] : [{
      imageId: pulled.imageId,
      sizeBytes,
      pulledAt: new Date(pulled.at),
    }]
  );
  return [...Map.groupBy(pulled, ({ imageId }) => imageId).values()]
    .flatMap((same) => same.slice(0, 1));
}

/** Whatever is removed, it is not enough. */
const fullDisk = {
  capacityBytes: Number.MAX_SAFE_INTEGER,
  availableBytes: 0,
};

import type { AbortOptions } from "../../async/abort.ts";
import { getLogger } from "../../async/log.ts";
import {
  type DiskUsage,
  imageGarbage,
  type ImageUse,
} from "../image_garbage.ts";
import type { ImageSummary } from "./engine/api_types.ts";
import type { EngineClient } from "./engine/engine_client.ts";
import { EngineError } from "./engine/engine_error.ts";
import type { Host } from "./host.ts";
import { runScript } from "./host_script.ts";
import type { Inventory } from "./inventory.ts";

/** What {@linkcode ImageCollector} works with. */
export interface ImageCollectorParts {
  readonly host: Host;
  readonly engine: () => ImageEngine;
  readonly inventory: Pick<Inventory, "all">;
}

/** What it asks of an engine. */
export type ImageEngine = Pick<
  EngineClient,
  "info" | "listImages" | "listContainers" | "removeImage"
>;

interface KnownImage {
  readonly firstSeen: Date;
  lastUsed: Date;
}

/** Prints the size of a file system and what is free of it, in KiB. Arguments: a directory in it. */
const usageScript = `df -Pk -- "$1" | awk 'NR == 2 { print $2, $4 }'`;

const log = getLogger("ssh");

/**
 * Removes images when the disk is nearly full: those that pods of this node had, and nobody uses
 * any more. What the owner of the host put there otherwise is left alone.
 */
export class ImageCollector {
  readonly #parts: ImageCollectorParts;
  /** Images of pods of this node, by what they resolved to. */
  readonly #known = new Map<string, KnownImage>();

  constructor(parts: ImageCollectorParts) {
    this.#parts = parts;
  }

  /** Remembers that a pod has need of an image. */
  use(imageId: string): void {
    const now = new Date();
    const known = this.#known.get(imageId) ?? { firstSeen: now, lastUsed: now };
    known.lastUsed = now;
    this.#known.set(imageId, known);
  }

  /**
   * Looks how full the disk is, and removes what is needed to get it below the threshold; all that
   * is not used with `allUnused`.
   */
  async collect(
    { allUnused = false, ...options }: AbortOptions & {
      readonly allUnused?: boolean;
    },
  ): Promise<void> {
    const { engine, inventory } = this.#parts;
    const records = await inventory.all(options);
    for (const { kind, imageId } of records) {
      if (kind !== "sandbox") this.use(imageId);
    }
    if (this.#known.size === 0) return;
    const usage = allUnused ? fullDisk : await this.#usage(options);
    if (usage === undefined) return;
    const images = await engine().listImages(options);
    const containers = await engine()
      .listContainers({ ...options, labels: [] });
    const used = new Set(containers.map(({ ImageID }) => ImageID));
    const candidates = images.flatMap((image) => {
      const known = this.#ofPods(image);
      return known === undefined
        ? []
        : [{ ...imageUse(image, used), ...known }];
    });
    for (const { id } of imageGarbage(candidates, usage, new Date())) {
      const image = images.find(({ Id }) => Id === id);
      if (image !== undefined) await this.#remove(image, options);
    }
  }

  #ofPods({ Id, RepoDigests = [] }: ImageSummary): KnownImage | undefined {
    return [Id, ...RepoDigests].map((id) => this.#known.get(id))
      .find((known) => known !== undefined);
  }

  async #usage(options: AbortOptions): Promise<DiskUsage | undefined> {
    const { host, engine } = this.#parts;
    const { storageDir } = engine().info;
    if (storageDir === "") return undefined;
    const text = await runScript(host, usageScript, {
      action: "see how full the disk with the images is",
      args: [storageDir],
      ...options,
    });
    const [size = NaN, free = NaN] = text.trim().split(" ").map(Number);
    return Number.isNaN(size + free)
      ? undefined
      : { capacityBytes: size * 1024, availableBytes: free * 1024 };
  }

  /** Name by name, never by force: an image that somebody began to use is refused, and stays. */
  async #remove(image: ImageSummary, options: AbortOptions): Promise<void> {
    const names = image.RepoTags?.filter((name) => name !== "<none>:<none>");
    try {
      for (const name of names?.length ? names : [image.Id]) {
        await this.#parts.engine().removeImage(name, {
          ...options,
          force: false,
        });
      }
      for (const id of [image.Id, ...image.RepoDigests ?? []]) {
        this.#known.delete(id);
      }
      log.info("Removed an image to make room", {
        host: this.#parts.host.name,
        image: names?.[0] ?? image.Id,
        sizeBytes: image.Size,
      });
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      log.debug("The engine keeps an image", { image: image.Id, error });
    }
  }
}

/** Whatever is removed, it is not enough. */
const fullDisk: DiskUsage = {
  capacityBytes: Number.MAX_SAFE_INTEGER,
  availableBytes: 0,
};

function imageUse(
  { Id, Size = 0 }: ImageSummary,
  used: ReadonlySet<string | undefined>,
): Pick<ImageUse, "id" | "sizeBytes" | "inUse"> {
  return { id: Id, sizeBytes: Size, inUse: used.has(Id) };
}

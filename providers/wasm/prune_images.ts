import type { ImageUses } from "./image_uses.ts";
import type { ModuleStore } from "./modules.ts";

/** What {@linkcode pruneImages} has removed. */
export interface PrunedImages {
  /** As pods know them. */
  readonly images: readonly string[];
  readonly bytes: number;
}

/** Removes the images from registries that no container has, and all content without a name. */
export async function pruneImages(
  store: ModuleStore,
  uses: ImageUses,
): Promise<PrunedImages> {
  const used = await uses.used();
  const unused = new Set(
    (await store.list()).flatMap(({ pulled }) =>
      pulled === undefined || used.has(pulled.imageId) ? [] : [pulled.imageId]
    ),
  );
  for (const imageId of unused) await store.removeImage(imageId);
  return { images: [...unused], bytes: await store.sweep(used) };
}

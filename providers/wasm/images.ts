import { join } from "node:path";
import type { AbortOptions } from "../../async/abort.ts";
import { writePrivateFile } from "../../async/private_file.ts";
import { parseImageName } from "../image_name.ts";
import type {
  KeptText,
  LocalImage,
  PulledImage,
  PullOptions,
} from "../runtime.ts";
import { ImageCollector } from "./image_collector.ts";
import { ImageUses } from "./image_uses.ts";
import type { LocatedModule } from "./located_module.ts";
import { isFileUrl, ModuleStore, notPresent } from "./modules.ts";
import { readText } from "./system_files.ts";

/** Options for {@linkcode RuntimeImages}. */
export interface RuntimeImagesOptions {
  readonly stateDir: string;
  readonly allowLocalModules: readonly string[];
  /** The environment that says where the user's registry credentials are. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Registries that may do without TLS. */
  readonly insecureRegistries: readonly string[];
  /** Who containers run as unless their pod says; any number of several. */
  readonly user: number | undefined;
}

/** The images of a runtime: local files, the image store, and registries. */
export class RuntimeImages implements AsyncDisposable {
  /** Which pods may use which images. */
  readonly access: KeptText;
  readonly #store: ModuleStore;
  readonly #uses: ImageUses;
  readonly #collector: ImageCollector;
  readonly #user: Pick<LocalImage, "user">;
  readonly #registries: Pick<
    RuntimeImagesOptions,
    "env" | "insecureRegistries"
  >;

  constructor(
    { stateDir, allowLocalModules, user, ...registries }: RuntimeImagesOptions,
  ) {
    this.#user = user === undefined ? {} : { user };
    this.#registries = registries;
    this.#store = new ModuleStore({ stateDir, allowLocalModules });
    this.#uses = new ImageUses(stateDir);
    this.#collector = new ImageCollector({
      store: this.#store,
      uses: this.#uses,
      stateDir,
    });
    const path = join(stateDir, "image-access.json");
    this.access = {
      read: () => readText(path),
      write: (text) => writePrivateFile(path, text),
    };
  }

  /** Throws a `RuntimeError` of reason `InvalidImageName` for what names no image. */
  check(image: string): void {
    if (!isFileUrl(image)) parseImageName(image);
  }

  async find(image: string): Promise<LocalImage | undefined> {
    const found = await this.#store.find(image);
    if (found === undefined) return undefined;
    this.#collector.use(found.imageId);
    const { imageId, sizeBytes } = found;
    return { imageId, sizeBytes, ...this.#user };
  }

  /** Fetches an image, unless its name stands for what was loaded from a file. */
  async pull(
    image: string,
    options: PullOptions & AbortOptions,
  ): Promise<PulledImage> {
    if (isFileUrl(image)) {
      const found = await this.find(image);
      if (found === undefined) throw notPresent(image);
      return found;
    }
    const stored = await this.#store.stored(image);
    if (stored !== undefined && stored.pulled === undefined) {
      const found = await this.find(image);
      if (found !== undefined) return found;
    }
    // Registries are for those who use them: `farlet run` with a local module need not load it.
    const { pullImage } = await import("./image_puller.ts");
    const pulled = await pullImage(image, {
      store: this.#store,
      ...this.#registries,
      ...options,
    });
    this.#collector.use(pulled.imageId);
    return { ...pulled, ...this.#user };
  }

  /** What a container of the image runs: the very image that was resolved for it. */
  async locate(
    { image, imageId }: { readonly image: string; readonly imageId: string },
  ): Promise<LocatedModule> {
    const found = await this.#resolved({ image, imageId });
    if (found === undefined) throw notPresent(image);
    if (!isFileUrl(image)) await this.#uses.register();
    return found;
  }

  /** Whether the image of a container is still here as it was. */
  async has(
    { image, imageId }: { readonly image: string; readonly imageId: string },
  ): Promise<boolean> {
    const found = await this.#resolved({ image, imageId });
    return found?.imageId === imageId;
  }

  /** As `locate`, for an image that nobody has resolved yet: it is fetched if it is not here. */
  async locateNow(
    image: string,
    options: AbortOptions,
  ): Promise<LocatedModule> {
    const found = await this.#store.find(image);
    if (found !== undefined) return found;
    const { imageId } = await this.pull(image, options);
    return await this.locate({ image, imageId });
  }

  /** Removes what can be fetched again and no container has. */
  async reclaim(options: AbortOptions): Promise<void> {
    await this.#collector.collect({ ...options, allUnused: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#collector[Symbol.asyncDispose]();
  }

  /** By digest, where the ID has one: the name may stand for another image by now. */
  #resolved(
    { image, imageId }: { readonly image: string; readonly imageId: string },
  ): Promise<LocatedModule | undefined> {
    return this.#store.find(imageId.includes("@") ? imageId : image);
  }
}

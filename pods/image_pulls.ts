import type { AbortOptions } from "../async/abort.ts";
import { getLogger } from "../async/log.ts";
import { Semaphore } from "../async/semaphore.ts";
import type { ContainerRuntime } from "../providers/runtime.ts";
import {
  formatImageAccess,
  type ImageAccess,
  type ImageUse,
  isGuarded,
  mayUse,
  noImageAccess,
  type Openers,
  parseImageAccess,
  type PullSecret,
  withBegun,
  withEnded,
  withMatching,
  withOpeners,
} from "./image_access.ts";

/** How many images are fetched at the same time. */
const maxParallelPulls = 10;

/** A turn to fetch an image; given back when the scope is left. */
export interface PullTurn extends Disposable {
  /** Whether others have fetched the same image meanwhile. */
  readonly waited: boolean;
}

/**
 * The images of one runtime: who fetches now, and which pods may use what was fetched.
 *
 * What pods may use is kept with the images where the runtime can do that, and until the agent ends
 * otherwise.
 */
export class ImagePulls {
  readonly #runtime: Pick<ContainerRuntime, "imageAccess">;
  readonly #parallel = new Semaphore(maxParallelPulls);
  /** By the name of the image. */
  readonly #turns = new Map<string, { semaphore: Semaphore; users: number }>();
  readonly #changing = new Semaphore(1);
  #access: ImageAccess | undefined;

  constructor(runtime: Pick<ContainerRuntime, "imageAccess">) {
    this.#runtime = runtime;
  }

  /** Waits until nobody else fetches this image, and not too many others are fetched. */
  async turn(image: string, options: AbortOptions): Promise<PullTurn> {
    const turn = this.#turns.get(image) ??
      { semaphore: new Semaphore(1), users: 0 };
    this.#turns.set(image, turn);
    const waited = turn.users > 0;
    turn.users++;
    const leave = () => {
      turn.users--;
      if (turn.users === 0) this.#turns.delete(image);
    };
    using stack = new DisposableStack();
    stack.defer(leave);
    stack.use(await turn.semaphore.acquire(options));
    stack.use(await this.#parallel.acquire(options));
    const held = stack.move();
    return { waited, [Symbol.dispose]: () => held.dispose() };
  }

  /** Whether a pod may use an image that is here; its Secrets are asked for only where they count. */
  async mayUse(
    use: ImageUse,
    secrets: () => Promise<readonly PullSecret[]>,
    options: AbortOptions,
  ): Promise<boolean> {
    const access = await this.#read(options);
    if (!isGuarded(access, use)) return true;
    if (mayUse(access, use, [])) return true;
    const own = await secrets();
    if (!mayUse(access, use, own)) return false;
    await this.#change((access) => withMatching(access, use, own), options);
    return true;
  }

  /** Says that an image is about to be fetched by somebody who has Secrets for it. */
  begin(image: string, options: AbortOptions): Promise<void> {
    return this.#change((access) => withBegun(access, image), options);
  }

  /** Says who has opened the registry, or that it was for nothing. */
  async end(
    image: string,
    pulled: { readonly imageId: string; readonly openers: Openers } | undefined,
    options: AbortOptions,
  ): Promise<void> {
    await this.#change((access) => {
      const ended = withEnded(access, image);
      if (pulled === undefined) return ended;
      const use = { image, imageId: pulled.imageId };
      // What nothing is written of is everybody's anyway.
      const isNews = pulled.openers !== "everybody" || isGuarded(access, use);
      return isNews ? withOpeners(ended, use, pulled.openers) : ended;
    }, options);
  }

  async #change(
    change: (access: ImageAccess) => ImageAccess,
    options: AbortOptions,
  ): Promise<void> {
    using _turn = await this.#changing.acquire(options);
    const before = await this.#read(options);
    const after = change(before);
    if (after === before) return;
    await this.#runtime.imageAccess?.write(formatImageAccess(after), options);
    this.#access = after;
  }

  async #read(options: AbortOptions): Promise<ImageAccess> {
    if (this.#access !== undefined) return this.#access;
    const text = await this.#runtime.imageAccess?.read(options) ?? "";
    this.#access ??= parse(text);
    return this.#access;
  }
}

function parse(text: string): ImageAccess {
  if (text.trim() === "") return noImageAccess;
  try {
    return parseImageAccess(text);
  } catch (error) {
    getLogger("pods").warn("Which pods may use which images is lost", {
      error,
    });
    return noImageAccess;
  }
}

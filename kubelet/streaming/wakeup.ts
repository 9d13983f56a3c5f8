/** Lets tasks sleep until something has changed that they look at. */
export class Wakeup {
  #next: PromiseWithResolvers<void> | undefined;

  /** Resolves at the next {@linkcode wake}. */
  wait(): Promise<void> {
    this.#next ??= Promise.withResolvers();
    return this.#next.promise;
  }

  /** Wakes all who wait now. */
  wake(): void {
    this.#next?.resolve();
    this.#next = undefined;
  }
}

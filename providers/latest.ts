/** A stream that gives the newest value that was set, to a reader who may miss others. */
export class Latest<T> {
  readonly readable: ReadableStream<T>;
  #next = Promise.withResolvers<void>();
  #value: { readonly value: T } | undefined;
  #ended = false;

  constructor() {
    this.readable = new ReadableStream<T>({
      pull: (controller) => this.#give(controller),
      cancel: () => this.end(),
    }, { highWaterMark: 0 });
  }

  set(value: T): void {
    this.#value = { value };
    this.#next.resolve();
  }

  /** Ends the stream after the newest value. */
  end(): void {
    this.#ended = true;
    this.#next.resolve();
  }

  async #give(controller: ReadableStreamDefaultController<T>): Promise<void> {
    await this.#next.promise;
    const newest = this.#value;
    this.#value = undefined;
    if (newest === undefined) return controller.close();
    if (!this.#ended) this.#next = Promise.withResolvers();
    controller.enqueue(newest.value);
  }
}

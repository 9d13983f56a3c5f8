import { Wakeup } from "./wakeup.ts";

/** Bytes that wait for their reader, above which the sender has to wait. */
const queueBytes = 256 * 1024;

/** Bytes on their way to a reader, of which only a bounded amount waits. */
export class InputQueue {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #room = new Wakeup();
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor() {
    const queue = {
      start: (controller: ReadableStreamDefaultController<Uint8Array>) => {
        this.#controller = controller;
      },
      pull: () => this.#room.wake(),
      cancel: () => this.#forget(),
    };
    this.readable = new ReadableStream<Uint8Array>(
      queue,
      new ByteLengthQueuingStrategy({ highWaterMark: queueBytes }),
    );
  }

  /**
   * Takes bytes; a promise that resolves when more may come, or undefined if that is now. What
   * comes after the end, or when nobody wants it, is dropped.
   */
  push(bytes: Uint8Array): Promise<void> | undefined {
    const controller = this.#controller;
    if (controller === undefined || bytes.length === 0) return undefined;
    controller.enqueue(bytes);
    return (controller.desiredSize ?? 0) > 0 ? undefined : this.#room.wait();
  }

  /** No more comes; what waits can still be read. Repeatable. */
  end(): void {
    this.#controller?.close();
    this.#forget();
  }

  /** Nothing more can come, and what waits is not all there was. Nothing after the end. */
  fail(error: Error): void {
    this.#controller?.error(error);
    this.#forget();
  }

  #forget(): void {
    this.#controller = undefined;
    this.#room.wake();
  }
}

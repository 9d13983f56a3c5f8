import type { LogStream } from "./log_line.ts";

/** What a reader may lag behind, in bytes, before it is dropped: no process waits for readers. */
const longestLag = 4 * 2 ** 20;

/** Gives the output of a process, from now on, to any number of readers. */
export class OutputFan {
  readonly #readers = new Set<
    {
      readonly stream: LogStream;
      readonly controller: ReadableStreamDefaultController<Uint8Array>;
    }
  >();
  #ended = false;

  /** Whether anybody reads. */
  get watched(): boolean {
    return this.#readers.size > 0;
  }

  /** Gives a chunk, which must not change any more, to all that read this stream. */
  push(stream: LogStream, chunk: Uint8Array): void {
    for (const reader of this.#readers) {
      if (reader.stream !== stream) continue;
      if ((reader.controller.desiredSize ?? 0) > 0) {
        reader.controller.enqueue(chunk);
        continue;
      }
      this.#readers.delete(reader);
      const problem = "Cannot go on with the output: the reader is too slow";
      reader.controller.error(new Error(problem));
    }
  }

  /** Ends all readers, now and to come. */
  end(): void {
    this.#ended = true;
    for (const { controller } of this.#readers) controller.close();
    this.#readers.clear();
  }

  /** One stream from now on until the process ends; it fails for a reader that is too slow. */
  read(stream: LogStream): ReadableStream<Uint8Array> {
    let forget = () => {};
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        if (this.#ended) return controller.close();
        const reader = { stream, controller };
        this.#readers.add(reader);
        forget = () => this.#readers.delete(reader);
      },
      cancel: () => forget(),
    }, new ByteLengthQueuingStrategy({ highWaterMark: longestLag }));
  }
}

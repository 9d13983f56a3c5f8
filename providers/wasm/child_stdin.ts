import type { GuestInput } from "./descriptors.ts";
import { specBlockLength } from "./spec_line.ts";

/** The standard input of the runner process: one line for the runner, then the guest's bytes. */
export class ChildStdin implements GuestInput {
  readonly #source: ByteSource;
  #unread = new Uint8Array(0);
  #ended = false;
  #reading: Promise<void> | undefined;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Takes the first line, blocking until it is there. Throws where the input ends before. */
  takeLine(): string {
    for (let searched = 0;;) {
      const newline = this.#unread.indexOf(10, searched);
      if (newline >= 0) {
        return new TextDecoder().decode(this.take(newline + 1));
      }
      searched = this.#unread.length;
      // No further than the block, so that what follows the line is left to another program.
      const buffer = new Uint8Array(
        specBlockLength - searched % specBlockLength,
      );
      const count = this.#source.readSync(buffer);
      if (count === null) {
        throw new Error("Cannot read the guest's specification: input ended");
      }
      const joined = new Uint8Array(searched + count);
      joined.set(this.#unread);
      joined.set(buffer.subarray(0, count), searched);
      this.#unread = joined;
    }
  }

  get ready(): boolean {
    return this.#ended || this.#unread.length > 0;
  }

  /** Reads no further than asked, so that the agent feels when the guest does not read. */
  untilReady(): Promise<void> {
    if (this.ready) return Promise.resolve();
    this.#reading ??= this.#read();
    return this.#reading;
  }

  take(maxLength: number): Uint8Array {
    const taken = this.#unread.subarray(0, maxLength);
    this.#unread = this.#unread.subarray(taken.length);
    return taken;
  }

  /** Resolves at the end of the input, whatever comes before it. */
  async untilEnd(): Promise<void> {
    while (!this.#ended) {
      this.take(this.#unread.length);
      await this.untilReady();
    }
  }

  async #read(): Promise<void> {
    try {
      const buffer = new Uint8Array(chunkLength);
      const count = await this.#source.read(buffer);
      if (count === null) this.#ended = true;
      else this.#unread = buffer.subarray(0, count);
    } catch {
      // A pipe that cannot be read has nobody at its other end.
      this.#ended = true;
    } finally {
      this.#reading = undefined;
    }
  }
}

/** Where bytes come from: `Deno.stdin` or the like. */
export interface ByteSource {
  read(into: Uint8Array): Promise<number | null>;
  readSync(into: Uint8Array): number | null;
}

/** The standard input of a guest that has none: it has ended before it began. */
export const emptyInput: GuestInput = {
  ready: true,
  untilReady: () => Promise.resolve(),
  take: () => new Uint8Array(0),
};

const chunkLength = 65536;

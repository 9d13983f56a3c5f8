import type { HandleTable } from "./handle_table.ts";
import type { BoundOptions } from "./value_types.ts";

/** What is needed of one part of a component to read its values and to give it some. */
export class CanonMemory {
  readonly handles: HandleTable;
  readonly part: number;
  readonly encoding: BoundOptions["encoding"];
  readonly #memory: WebAssembly.Memory | undefined;
  readonly #realloc: Realloc | undefined;
  #left = mostCopied;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#bytes.buffer);

  constructor(
    { part, encoding }: BoundOptions,
    { memory, realloc, handles }: {
      readonly memory: WebAssembly.Memory | undefined;
      readonly realloc: Realloc | undefined;
      readonly handles: HandleTable;
    },
  ) {
    this.handles = handles;
    this.part = part;
    this.encoding = encoding;
    this.#memory = memory;
    this.#realloc = realloc;
  }

  get bytes(): Uint8Array {
    // Memory that has grown leaves arrays without a length.
    if (this.#bytes.length === 0) this.#attach();
    return this.#bytes;
  }

  get view(): DataView {
    if (this.#bytes.length === 0) this.#attach();
    return this.#view;
  }

  /** Throws where one call has the host copy more than it may: a guest can have it copy one place often. */
  charge(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw new RangeError("a call has too large values");
  }

  /** Bytes of the guest's memory as they are now; throws where they are not in it. */
  slice(at: number, length: number): Uint8Array<ArrayBuffer> {
    const { bytes } = this;
    if (at + length > bytes.length) throw outside();
    this.charge(length);
    return bytes.slice(at, at + length) as Uint8Array<ArrayBuffer>;
  }

  /** Has the guest make room; gives the place. */
  allocate(size: number, align: number): number {
    if (this.#realloc === undefined) {
      throw new TypeError("a value needs memory that nobody gives");
    }
    const at = this.#realloc(0, 0, align, size) >>> 0;
    if (at % align !== 0) throw new RangeError("memory is not aligned");
    if (at + size > this.bytes.length) throw outside();
    return at;
  }

  #attach(): void {
    if (this.#memory === undefined) {
      throw new TypeError("a value needs memory, and there is none");
    }
    this.#bytes = new Uint8Array(this.#memory.buffer);
    this.#view = new DataView(this.#memory.buffer);
  }
}

type Realloc = (
  at: number,
  size: number,
  align: number,
  more: number,
) => number;

const mostCopied = 128 * 1024 * 1024;

function outside(): RangeError {
  return new RangeError("a value lies outside of memory");
}

import { errno, fail } from "./errno.ts";

/** A piece of the guest's memory. */
export interface Span {
  readonly start: number;
  readonly length: number;
}

/**
 * The guest's memory, read and written at the guest's pointers.
 *
 * Pointers and lengths come as WebAssembly hands them over, that is signed. Whatever does not lie
 * inside of the memory fails with `EFAULT`.
 */
export class GuestMemory {
  #memory: WebAssembly.Memory | undefined;
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);

  /** Names the memory, which exists only once the module is instantiated. */
  attach(memory: WebAssembly.Memory): void {
    this.#memory = memory;
  }

  /** The whole memory as it is now; a guest that grows it makes the array useless. */
  get bytes(): Uint8Array<ArrayBuffer> {
    this.#refresh();
    return this.#bytes;
  }

  /** The span at a pointer. */
  span(pointer: number, length: number): Span {
    this.#refresh();
    const span = { start: pointer >>> 0, length: length >>> 0 };
    if (span.start + span.length > this.#bytes.length) fail(errno.fault);
    return span;
  }

  /** The bytes at a pointer, as a view. */
  slice(pointer: number, length: number): Uint8Array<ArrayBuffer> {
    const { start, length: size } = this.span(pointer, length);
    return this.#bytes.subarray(start, start + size);
  }

  /** The text at a pointer; `EILSEQ` unless it is UTF-8, `EINVAL` where it has a NUL. */
  text(pointer: number, length: number): string {
    const bytes = this.slice(pointer, length).slice();
    if (bytes.includes(0)) fail(errno.inval);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
        .decode(bytes);
    } catch {
      // Not UTF-8, the only thing that a fatal decoder throws for.
      return fail(errno.ilseq);
    }
  }

  /** The `iovec` or `ciovec` array at a pointer, without its empty members. */
  vector(pointer: number, count: number): readonly Span[] {
    if (count >>> 0 > maxVector) fail(errno.inval);
    const { start } = this.span(pointer, count * 8);
    const spans: Span[] = [];
    for (let at = start; at < start + count * 8; at += 8) {
      const span = this.span(
        this.#view.getUint32(at, true),
        this.#view.getUint32(at + 4, true),
      );
      if (span.length > 0) spans.push(span);
    }
    return spans;
  }

  getUint8(pointer: number): number {
    return this.#viewAt(pointer, 1).getUint8(pointer >>> 0);
  }

  getUint16(pointer: number): number {
    return this.#viewAt(pointer, 2).getUint16(pointer >>> 0, true);
  }

  getUint32(pointer: number): number {
    return this.#viewAt(pointer, 4).getUint32(pointer >>> 0, true);
  }

  getUint64(pointer: number): bigint {
    return this.#viewAt(pointer, 8).getBigUint64(pointer >>> 0, true);
  }

  setUint8(pointer: number, value: number): void {
    this.#viewAt(pointer, 1).setUint8(pointer >>> 0, value);
  }

  setUint16(pointer: number, value: number): void {
    this.#viewAt(pointer, 2).setUint16(pointer >>> 0, value, true);
  }

  setUint32(pointer: number, value: number): void {
    this.#viewAt(pointer, 4).setUint32(pointer >>> 0, value, true);
  }

  setUint64(pointer: number, value: bigint): void {
    this.#viewAt(pointer, 8).setBigUint64(pointer >>> 0, value, true);
  }

  #viewAt(pointer: number, length: number): DataView {
    this.span(pointer, length);
    return this.#view;
  }

  /** A grown memory has a new buffer, and its old one is detached. */
  #refresh(): void {
    // Guests have no threads, so that nobody needs a shared memory.
    const buffer = this.#memory?.buffer as ArrayBuffer | undefined;
    if (buffer === undefined || buffer === this.#bytes.buffer) return;
    this.#bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }
}

/** Linux's UIO_MAXIOV. */
const maxVector = 1024;

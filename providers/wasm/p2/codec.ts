import type { CanonMemory } from "./canon_memory.ts";

/** A type of the values that core functions take and give. */
export type FlatType = "i32" | "i64" | "f32" | "f64";

/** A number, or a bigint for an `i64`. */
export type FlatValue = number | bigint;

/**
 * How values of one type are between a guest and its host: in memory, or flat as the parameters of
 * core functions. All throw where the guest's values are none of their type, which is a trap.
 * https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md
 */
export interface Codec {
  readonly size: number;
  readonly align: number;
  readonly flat: readonly FlatType[];
  load(memory: CanonMemory, at: number): unknown;
  store(memory: CanonMemory, value: unknown, at: number): void;
  lift(memory: CanonMemory, from: FlatReader): unknown;
  lower(memory: CanonMemory, value: unknown, to: FlatValue[]): void;
}

/** Flat values, to be taken one by one. */
export class FlatReader {
  readonly #values: readonly FlatValue[];
  #at = 0;

  constructor(values: readonly FlatValue[]) {
    this.#values = values;
  }

  number(): number {
    return Number(this.#values[this.#at++]);
  }

  bigint(): bigint {
    return BigInt(this.#values[this.#at++] ?? 0n);
  }

  take(count: number): readonly FlatValue[] {
    this.#at += count;
    return this.#values.slice(this.#at - count, this.#at);
  }
}

/** The next place that a value with this alignment may have. */
export function alignTo(at: number, align: number): number {
  return Math.ceil(at / align) * align;
}

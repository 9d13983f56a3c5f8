import { promising } from "../jspi.ts";
import type { CanonMemory } from "./canon_memory.ts";
import { type Codec, FlatReader, type FlatValue } from "./codec.ts";
import { codecOf } from "./codecs.ts";
import type { PlainFunction } from "./host_functions.ts";
import { parametersType } from "./resolve_types.ts";
import type { FunctionType } from "./value_types.ts";

/** What core modules call a function of a component by, or are called by. */
type CoreFunction = (...args: FlatValue[]) => FlatValue | undefined;

/** How a function gets its parameters and gives its result. */
export class CallShape {
  readonly #parameters: Codec;
  readonly #result: Codec | undefined;
  /** Whether parameters, or the result, are in memory: there are too many for the function itself. */
  readonly #parametersInMemory: boolean;
  readonly #resultInMemory: boolean;

  constructor(type: FunctionType) {
    this.#parameters = codecOf(parametersType(type));
    this.#result = type.result === undefined ? undefined : codecOf(type.result);
    this.#parametersInMemory = this.#parameters.flat.length > maxFlatParameters;
    this.#resultInMemory = (this.#result?.flat.length ?? 0) > maxFlatResults;
  }

  /**
   * The function that a core module imports; it returns a promise where the callee does.
   * @param memoryOf Called with the first call, when the guest's memory is there.
   */
  lower(
    callee: PlainFunction,
    memoryOf: () => CanonMemory,
  ): (...args: never[]) => number | Promise<number> {
    let memory: CanonMemory | undefined;
    const lowered = (...flat: FlatValue[]) => {
      const canon = memory ??= memoryOf();
      const args = this.#parametersInMemory
        ? this.#parameters.load(canon, Number(flat[0]) >>> 0)
        : this.#parameters.lift(canon, new FlatReader(flat));
      const place = this.#resultInMemory ? Number(flat.at(-1)) >>> 0 : 0;
      const result = callee(args as readonly unknown[]);
      return result instanceof Promise
        ? result.then((value) => this.#giveResult(canon, value, place))
        : this.#giveResult(canon, result, place);
    };
    // It may also give a bigint, or nothing: WebAssembly knows which.
    return lowered as (...args: never[]) => number | Promise<number>;
  }

  /** Calls a core function that may be suspended meanwhile. */
  async call(
    core: CoreFunction,
    memory: CanonMemory,
    args: readonly unknown[],
    postReturn: CoreFunction | undefined,
  ): Promise<unknown> {
    const flat: FlatValue[] = [];
    if (this.#parametersInMemory) {
      const { size, align } = this.#parameters;
      const at = memory.allocate(size, align);
      this.#parameters.store(memory, args, at);
      flat.push(at);
    } else this.#parameters.lower(memory, args, flat);
    const result = await promising(core)(...flat) as FlatValue | undefined;
    const value = this.#takeResult(memory, result);
    postReturn?.(...(result === undefined ? [] : [result]));
    return value;
  }

  #giveResult(
    memory: CanonMemory,
    value: unknown,
    place: number,
  ): FlatValue | undefined {
    if (this.#result === undefined) return undefined;
    if (this.#resultInMemory) {
      this.#result.store(memory, value, place);
      return undefined;
    }
    const flat: FlatValue[] = [];
    this.#result.lower(memory, value, flat);
    return flat[0];
  }

  #takeResult(memory: CanonMemory, result: FlatValue | undefined): unknown {
    if (this.#result === undefined) return undefined;
    return this.#resultInMemory
      ? this.#result.load(memory, Number(result) >>> 0)
      : this.#result.lift(memory, new FlatReader([result ?? 0]));
  }
}

const maxFlatParameters = 16;
const maxFlatResults = 1;

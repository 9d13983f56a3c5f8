import { encodeUnsigned, type Limits } from "./wasm_reader.ts";
import { memoryGrow } from "./instructions.ts";

/** Which memory to grow, and what counts against the limit. */
export interface GrowFunction {
  /** All memories of the module. */
  readonly memories: readonly Limits[];
  /** Which of them the function grows. */
  readonly index: number;
  /** The limit on all memories together. */
  readonly limitPages: number;
  /** The global that is set before a trap. */
  readonly flagGlobal: number;
}

/** The type of a function that stands for `memory.grow`. */
export function growType(memory: Limits): readonly number[] {
  const address = is64Bit(memory) ? valueType.i64 : valueType.i32;
  return [0x60, 1, address, 1, address];
}

/** The type and initial value of the global that says that the limit was hit: mutable i32, 0. */
export const flagType: readonly number[] = [0x7f, 1, 0x41, 0, 0x0b];

/**
 * The body, with its length, of a function that stands for `memory.grow`.
 *
 * It sets the flag and traps where the grow would exceed the limit though the module's own maximum
 * allows it; a grow that fails also without a limit fails as ever.
 */
export function growBody(
  { memories, index, limitPages, flagGlobal }: GrowFunction,
): readonly number[] {
  const memory = memories[index];
  if (memory === undefined) throw new RangeError(`There is no memory ${index}`);
  const delta = [op.localGet, 0, ...toI64(memory)];
  const size = (at: number) => [
    op.memorySize,
    ...encodeUnsigned(at),
    ...toI64(memories[at] ?? memory),
  ];
  const allSizes = memories.flatMap((_, at) =>
    at === 0 ? size(at) : [...size(at), op.i64Add]
  );
  const code = [
    // delta > limit - sizes of all: never negative, as the memories are within the limit.
    ...delta,
    ...[op.i64Const, ...encodeSigned(limitPages), ...allSizes, op.i64Sub],
    op.i64GtU,
    // delta <= own maximum - own size
    ...delta,
    ...[op.i64Const, ...encodeSigned(ownMaxPages(memory))],
    ...[...size(index), op.i64Sub, op.i64LeU],
    op.i32And,
    ...[op.if, op.emptyBlockType],
    ...[op.i32Const, 1, op.globalSet, ...encodeUnsigned(flagGlobal)],
    ...[op.unreachable, op.end],
    ...[op.localGet, 0, memoryGrow, ...encodeUnsigned(index), op.end],
  ];
  const noLocals = 0;
  return [...encodeUnsigned(code.length + 1), noLocals, ...code];
}

/** What a module may grow a memory to: 4 GiB or 16 GiB (V8) where it does not say. */
function ownMaxPages(memory: Limits): number {
  return Math.min(memory.max ?? Infinity, is64Bit(memory) ? 2 ** 18 : 2 ** 16);
}

function toI64(memory: Limits): readonly number[] {
  return is64Bit(memory) ? [] : [op.i64ExtendI32U];
}

function is64Bit({ flags }: Limits): boolean {
  return (flags & 4) !== 0;
}

/** The signed LEB128 encoding of a number that is not negative. */
function encodeSigned(value: number): readonly number[] {
  const bytes: number[] = [];
  for (let rest = value;;) {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    if (rest === 0 && low < 64) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

const valueType = { i32: 0x7f, i64: 0x7e };

const op = {
  unreachable: 0x00,
  if: 0x04,
  end: 0x0b,
  localGet: 0x20,
  globalSet: 0x24,
  memorySize: 0x3f,
  i32Const: 0x41,
  i64Const: 0x42,
  i64LeU: 0x58,
  i64GtU: 0x56,
  i32And: 0x71,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64ExtendI32U: 0xad,
  emptyBlockType: 0x40,
};

import type { WasmReader } from "./wasm_reader.ts";

/** Thrown for instructions that are not known here, such as those of the GC proposal. */
export class UnknownInstructionError extends Error {
  override readonly name = "UnknownInstructionError";
}

/** The opcode of `memory.grow`; its immediate is the memory's index. */
export const memoryGrow = 0x40;

/**
 * Passes over one instruction and returns its opcode (its first byte).
 *
 * Knows WebAssembly 3.0 but for GC, with legacy exceptions, threads and wide arithmetic.
 * Source: https://webassembly.github.io/spec/core/binary/instructions.html
 */
export function skipInstruction(reader: WasmReader): number {
  const opcode = reader.byte();
  switch (opcode) {
    // A block, loop, if or try with its type.
    case 0x02:
    case 0x03:
    case 0x04:
    case 0x06:
      skipBlockType(reader);
      break;
    // One index: catch, throw, rethrow, delegate, br, call, ref, local, global, table, memory;
    // and the integer constants.
    case 0x07:
    case 0x08:
    case 0x09:
    case 0x0c:
    case 0x0d:
    case 0x10:
    case 0x12:
    case 0x14:
    case 0x15:
    case 0x18:
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23:
    case 0x24:
    case 0x25:
    case 0x26:
    case 0x3f:
    case memoryGrow:
    case 0x41:
    case 0x42:
    case 0xd0:
    case 0xd2:
    case 0xd5:
    case 0xd6:
      reader.skipNumber();
      break;
    case 0x11: // call_indirect
    case 0x13: // return_call_indirect
      skipNumbers(reader, 2);
      break;
    case 0x0e: // br_table
      skipNumbers(reader, reader.unsigned() + 1);
      break;
    case 0x1c: // select with types
      for (let left = reader.unsigned(); left > 0; left--) {
        reader.skipValueType();
      }
      break;
    case 0x1f: // try_table
      skipBlockType(reader);
      skipCatches(reader);
      break;
    case 0x43: // f32.const
      reader.skip(4);
      break;
    case 0x44: // f64.const
      reader.skip(8);
      break;
    case 0xfc:
      skipMiscellaneous(reader);
      break;
    case 0xfd:
      skipVector(reader);
      break;
    case 0xfe:
      skipAtomic(reader);
      break;
    default:
      if (opcode >= 0x28 && opcode <= 0x3e) skipMemoryArgument(reader);
      else if (!isPlain(opcode)) throw unknownInstruction(opcode);
  }
  return opcode;
}

/** Whether an opcode has nothing after it. */
function isPlain(opcode: number): boolean {
  return opcode <= 0x01 || opcode === 0x05 || // unreachable, nop, else
    opcode === 0x0a || opcode === 0x0b || opcode === 0x0f || // throw_ref, end, return
    opcode === 0x19 || opcode === 0x1a || opcode === 0x1b || // catch_all, drop, select
    (opcode >= 0x45 && opcode <= 0xc4) || // numeric
    opcode === 0xd1 || opcode === 0xd4; // ref.is_null, ref.as_non_null
}

function skipNumbers(reader: WasmReader, count: number): void {
  for (let left = count; left > 0; left--) reader.skipNumber();
}

function skipBlockType(reader: WasmReader): void {
  const first = reader.bytes[reader.position];
  if (first === 0x63 || first === 0x64) reader.skipValueType();
  else reader.skipNumber();
}

/** An alignment, with the memory's index where bit 6 is set, and an offset. */
function skipMemoryArgument(reader: WasmReader): void {
  const alignment = reader.unsigned();
  if (alignment & 0x40) reader.skipNumber();
  reader.skipNumber();
}

function skipCatches(reader: WasmReader): void {
  for (let left = reader.unsigned(); left > 0; left--) {
    const catchesAll = reader.byte() >= 2;
    skipNumbers(reader, catchesAll ? 1 : 2);
  }
}

function skipMiscellaneous(reader: WasmReader): void {
  const code = reader.unsigned();
  const immediates = miscellaneousImmediates[code];
  if (immediates === undefined) throw unknownInstruction(0xfc, code);
  skipNumbers(reader, immediates);
}

function skipVector(reader: WasmReader): void {
  const code = reader.unsigned();
  if (code <= 11 || code === 92 || code === 93) { // load, store
    skipMemoryArgument(reader);
  } else if (code === 12 || code === 13) { // const, shuffle
    reader.skip(16);
  } else if (code >= 21 && code <= 34) { // extract_lane, replace_lane
    reader.skip(1);
  } else if (code >= 84 && code <= 91) { // load_lane, store_lane
    skipMemoryArgument(reader);
    reader.skip(1);
  } else if (code > 0x113) { // relaxed SIMD ends here
    throw unknownInstruction(0xfd, code);
  }
}

function skipAtomic(reader: WasmReader): void {
  const code = reader.unsigned();
  if (code === 3) reader.skip(1); // fence
  else if (code <= 2 || (code >= 0x10 && code <= 0x4e)) {
    skipMemoryArgument(reader);
  } else throw unknownInstruction(0xfe, code);
}

function unknownInstruction(...codes: number[]): UnknownInstructionError {
  const text = codes.map((code) => `0x${code.toString(16)}`).join(" ");
  return new UnknownInstructionError(`unknown instruction ${text}`);
}

/** By the number after 0xfc: trunc_sat, bulk memory, tables; wide arithmetic from 19 on. */
const miscellaneousImmediates: readonly (number | undefined)[] = [
  ...[0, 0, 0, 0, 0, 0, 0, 0],
  ...[2, 1, 2, 1],
  ...[2, 1, 2, 1, 1, 1],
  undefined,
  ...[0, 0, 0, 0],
];

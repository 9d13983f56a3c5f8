import type { Primitive } from "./component_definitions.ts";
import { loadString, storeString } from "./canon_strings.ts";
import type { Codec, FlatType, FlatValue } from "./codec.ts";

/** The codec of a type without parts. */
export function primitiveCodec(primitive: Primitive): Codec {
  switch (primitive) {
    case "bool":
      return small(1, (bits) => bits !== 0, (value) => value ? 1 : 0);
    case "u8":
      return small(1, (bits) => bits & 0xff, Number);
    case "s8":
      return small(1, (bits) => bits << 24 >> 24, Number);
    case "u16":
      return small(2, (bits) => bits & 0xffff, Number);
    case "s16":
      return small(2, (bits) => bits << 16 >> 16, Number);
    case "u32":
      return small(4, (bits) => bits >>> 0, Number);
    case "s32":
      return small(4, (bits) => bits | 0, Number);
    case "char":
      return small(
        4,
        toCharacter,
        (value) => String(value).codePointAt(0) ?? 0,
      );
    case "u64":
      return large((bits) => BigInt.asUintN(64, bits));
    case "s64":
      return large((bits) => BigInt.asIntN(64, bits));
    case "f32":
      return float(4, "f32");
    case "f64":
      return float(8, "f64");
    case "string":
      return {
        size: 8,
        align: 4,
        flat: ["i32", "i32"],
        load: (memory, at) => {
          const { view } = memory;
          const start = view.getUint32(at, true);
          return loadString(memory, start, view.getUint32(at + 4, true));
        },
        store: (memory, value, at) => {
          const [start, units] = storeString(memory, String(value));
          memory.view.setUint32(at, start, true);
          memory.view.setUint32(at + 4, units, true);
        },
        lift: (memory, from) => {
          const start = from.number() >>> 0;
          return loadString(memory, start, from.number() >>> 0);
        },
        lower: (memory, value, to) => {
          to.push(...storeString(memory, String(value)));
        },
      };
  }
}

/** A type that is an `i32`; `decode` gets all 32 bits of it, of which some may be garbage. */
export function small(
  size: 1 | 2 | 4,
  decode: (bits: number) => unknown,
  encode: (value: unknown) => number,
): Codec {
  const flat: readonly FlatType[] = ["i32"];
  return {
    size,
    align: size,
    flat,
    load: ({ view }, at) => decode(readBits(view, at, size)),
    store: ({ view }, value, at) => writeBits(view, at, size, encode(value)),
    lift: (_, from) => decode(from.number()),
    lower: (_, value, to) => void to.push(encode(value)),
  };
}

/** Reads a number without a sign. */
export function readBits(view: DataView, at: number, size: 1 | 2 | 4): number {
  switch (size) {
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at, true);
    case 4:
      return view.getUint32(at, true);
  }
}

/** Writes the lower bits of a number. */
export function writeBits(
  view: DataView,
  at: number,
  size: 1 | 2 | 4,
  value: number,
): void {
  switch (size) {
    case 1:
      return view.setUint8(at, value);
    case 2:
      return view.setUint16(at, value, true);
    case 4:
      return view.setUint32(at, value, true);
  }
}

function large(decode: (bits: bigint) => bigint): Codec {
  return {
    size: 8,
    align: 8,
    flat: ["i64"],
    load: ({ view }, at) => decode(view.getBigUint64(at, true)),
    store: ({ view }, value, at) =>
      view.setBigUint64(at, BigInt.asUintN(64, toBigInt(value)), true),
    lift: (_, from) => decode(from.bigint()),
    lower: (_, value, to) => void to.push(toBigInt(value)),
  };
}

function toBigInt(value: unknown): bigint {
  return typeof value === "bigint" ? value : BigInt(Number(value));
}

function float(size: 4 | 8, type: "f32" | "f64"): Codec {
  return {
    size,
    align: size,
    flat: [type],
    load: ({ view }, at) =>
      size === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true),
    store: ({ view }, value, at) =>
      size === 4
        ? view.setFloat32(at, Number(value), true)
        : view.setFloat64(at, Number(value), true),
    lift: (_, from) => from.number(),
    lower: (_, value, to: FlatValue[]) => void to.push(Number(value)),
  };
}

function toCharacter(bits: number): string {
  const code = bits >>> 0;
  if (code >= 0x110000 || (code >= 0xd800 && code < 0xe000)) {
    throw new RangeError(`${code} is no character`);
  }
  return String.fromCodePoint(code);
}

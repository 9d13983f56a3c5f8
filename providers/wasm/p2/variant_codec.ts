import {
  alignTo,
  type Codec,
  FlatReader,
  type FlatType,
  type FlatValue,
} from "./codec.ts";
import { readBits, writeBits } from "./scalar_codecs.ts";

/** One of the cases of a variant. */
export interface Case {
  readonly tag: string;
  /** None: the case has nothing but its name. */
  readonly codec: Codec | undefined;
}

/** The codec of a type that is one of several: which it is, and what that case has. */
export function variantCodec(
  cases: readonly Case[],
  split: (value: unknown) => readonly [tag: string, payload: unknown],
  join: (chosen: Case, payload: unknown) => unknown,
): Codec {
  const size = cases.length <= 256 ? 1 : cases.length <= 65536 ? 2 : 4;
  const codecs = cases.flatMap(({ codec }) => codec ?? []);
  const payloadAlign = Math.max(1, ...codecs.map(({ align }) => align));
  const align = Math.max(size, payloadAlign);
  const offset = alignTo(size, payloadAlign);
  const payloadSize = Math.max(0, ...codecs.map((codec) => codec.size));
  const joined = codecs.map(({ flat }) => flat).reduce(joinFlat, []);
  const indices = new Map(cases.map(({ tag }, index) => [tag, index]));

  function chosen(index: number): Case {
    const found = cases[index];
    if (found !== undefined) return found;
    throw new RangeError(`no case ${index} of a variant`);
  }

  function indexOf(tag: string): number {
    const index = indices.get(tag);
    if (index === undefined) throw new TypeError(`no case "${tag}"`);
    return index;
  }

  return {
    size: alignTo(offset + payloadSize, align),
    align,
    flat: ["i32", ...joined],
    load: (memory, at) => {
      const found = chosen(readBits(memory.view, at, size));
      return join(found, found.codec?.load(memory, at + offset));
    },
    store: (memory, value, at) => {
      const [tag, payload] = split(value);
      const index = indexOf(tag);
      writeBits(memory.view, at, size, index);
      cases[index]?.codec?.store(memory, payload, at + offset);
    },
    lift: (memory, from) => {
      const found = chosen(from.number() >>> 0);
      const values = from.take(joined.length);
      if (found.codec === undefined) return join(found, undefined);
      const own = found.codec.flat.map((type, i) =>
        narrowed(values[i] ?? 0, joined[i] ?? type, type)
      );
      return join(found, found.codec.lift(memory, new FlatReader(own)));
    },
    lower: (memory, value, to) => {
      const [tag, payload] = split(value);
      const index = indexOf(tag);
      to.push(index);
      const own: FlatValue[] = [];
      const codec = cases[index]?.codec;
      codec?.lower(memory, payload, own);
      for (const [i, type] of joined.entries()) {
        const from = codec?.flat[i];
        to.push(
          from === undefined ? zero(type) : widened(own[i] ?? 0, from, type),
        );
      }
    },
  };
}

/** What has room for either. */
function joinFlat(
  one: readonly FlatType[],
  other: readonly FlatType[],
): readonly FlatType[] {
  const [long, short] = one.length > other.length ? [one, other] : [other, one];
  return long.map((type, i) => {
    const second = short[i];
    if (second === undefined || second === type) return type;
    const both = new Set([type, second]);
    return both.has("i32") && both.has("f32") ? "i32" : "i64";
  });
}

function zero(type: FlatType): FlatValue {
  return type === "i64" ? 0n : 0;
}

function narrowed(value: FlatValue, from: FlatType, to: FlatType): FlatValue {
  if (from === to) return value;
  if (to === "i64") return BigInt(value);
  const scratch = newScratch();
  scratch.setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
  switch (to) {
    case "i32":
      return scratch.getInt32(0, true);
    case "f32":
      return scratch.getFloat32(0, true);
    case "f64":
      return scratch.getFloat64(0, true);
  }
}

function widened(value: FlatValue, from: FlatType, to: FlatType): FlatValue {
  if (from === to) return value;
  const scratch = newScratch();
  switch (from) {
    case "i32":
      scratch.setInt32(0, Number(value), true);
      break;
    case "f32":
      scratch.setFloat32(0, Number(value), true);
      break;
    case "f64":
      scratch.setFloat64(0, Number(value), true);
      break;
    case "i64":
      scratch.setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
      break;
  }
  return to === "i64"
    ? scratch.getBigUint64(0, true)
    : scratch.getInt32(0, true);
}

/** To see the bits of one type as those of another. */
function newScratch(): DataView {
  return new DataView(new ArrayBuffer(8));
}

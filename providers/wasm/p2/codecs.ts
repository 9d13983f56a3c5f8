import { alignTo, type Codec, type FlatType } from "./codec.ts";
import { primitiveCodec, readBits, small, writeBits } from "./scalar_codecs.ts";
import type { CanonMemory } from "./canon_memory.ts";
import type { ResourceType, ValueType } from "./value_types.ts";
import { camelCase } from "./host_names.ts";
import { type Case, variantCodec } from "./variant_codec.ts";

/**
 * The codec of a type. Its values are as generated bindings for JavaScript have them: records with
 * names in camel case, variants and results as `{ tag, val }`, options as the value or undefined,
 * lists as arrays and bytes as a `Uint8Array`, 64 bits as a bigint.
 */
export function codecOf(type: ValueType): Codec {
  switch (type.kind) {
    case "primitive":
      return primitiveCodec(type.primitive);
    case "record":
      return productCodec(
        type.fields.map(([, field]) => codecOf(field)),
        namedFields(type.fields.map(([name]) => camelCase(name))),
      );
    case "tuple":
      return productCodec(type.types.map(codecOf), places);
    case "flags":
      return flagsCodec(type.names);
    case "enum":
      return enumCodec(type.names);
    case "list":
      return listCodec(type.element);
    case "variant":
      return variantCodec(
        type.cases.map(([tag, payload]) => tagged(tag, payload)),
        tagOf,
        ({ tag }, value) => ({ tag, val: value }),
      );
    case "result":
      return variantCodec(
        [tagged("ok", type.ok), tagged("err", type.err)],
        tagOf,
        ({ tag }, value) => ({ tag, val: value }),
      );
    case "option":
      return optionCodec(type.some);
    case "own":
      return ownCodec(type.resource);
    case "borrow":
      return borrowCodec(type.resource);
  }
}

function tagged(tag: string, payload: ValueType | undefined): Case {
  return { tag, codec: payload === undefined ? undefined : codecOf(payload) };
}

function tagOf(value: unknown): readonly [string, unknown] {
  const { tag, val } = value as { readonly tag: string; readonly val: unknown };
  return [tag, val];
}

/** An option of an option says which of them there is not. */
function optionCodec(some: ValueType): Codec {
  const cases = [tagged("none", undefined), tagged("some", some)];
  if (some.kind === "option") {
    return variantCodec(
      cases,
      tagOf,
      ({ tag }, value) => ({ tag, val: value }),
    );
  }
  return variantCodec(
    cases,
    (value) => [value === undefined || value === null ? "none" : "some", value],
    (_, value) => value,
  );
}

/** How the parts of a record or a tuple make up a value. */
interface Parts {
  join(parts: readonly unknown[]): unknown;
  part(value: unknown, index: number): unknown;
}

const places: Parts = {
  join: (parts) => parts,
  part: (value, index) => (value as readonly unknown[])[index],
};

function namedFields(names: readonly string[]): Parts {
  return {
    join: (parts) =>
      Object.fromEntries(names.map((name, i) => [name, parts[i]])),
    part: (value, index) =>
      (value as Readonly<Record<string, unknown>>)[names[index] ?? ""],
  };
}

function productCodec(codecs: readonly Codec[], parts: Parts): Codec {
  const align = Math.max(1, ...codecs.map((codec) => codec.align));
  let end = 0;
  const offsets = codecs.map((codec) => {
    const offset = alignTo(end, codec.align);
    end = offset + codec.size;
    return offset;
  });
  return {
    size: alignTo(end, align),
    align,
    flat: codecs.flatMap((codec) => codec.flat),
    load: (memory, at) =>
      parts.join(
        codecs.map((codec, i) => codec.load(memory, at + (offsets[i] ?? 0))),
      ),
    store: (memory, value, at) => {
      for (const [i, codec] of codecs.entries()) {
        codec.store(memory, parts.part(value, i), at + (offsets[i] ?? 0));
      }
    },
    lift: (memory, from) =>
      parts.join(codecs.map((codec) => codec.lift(memory, from))),
    lower: (memory, value, to) => {
      for (const [i, codec] of codecs.entries()) {
        codec.lower(memory, parts.part(value, i), to);
      }
    },
  };
}

function flagsCodec(labels: readonly string[]): Codec {
  if (labels.length > 32) throw new TypeError("more than 32 flags");
  const names = labels.map(camelCase);
  return small(
    labels.length <= 8 ? 1 : labels.length <= 16 ? 2 : 4,
    (bits) =>
      Object.fromEntries(
        names.map((name, i) => [name, (bits >>> i & 1) === 1]),
      ),
    (value) => {
      const flags = value as Readonly<Record<string, unknown>>;
      return names.reduce(
        (bits, name, i) => bits | Number(!!flags[name]) << i,
        0,
      );
    },
  );
}

function enumCodec(names: readonly string[]): Codec {
  const indices = new Map(names.map((name, i) => [name, i]));
  return small(
    names.length <= 256 ? 1 : names.length <= 65536 ? 2 : 4,
    (bits) => {
      const name = names[bits];
      if (name === undefined) {
        throw new RangeError(`no case ${bits} of an enum`);
      }
      return name;
    },
    (value) => {
      const index = indices.get(String(value));
      if (index === undefined) throw new TypeError(`no case "${value}"`);
      return index;
    },
  );
}

function listCodec(type: ValueType): Codec {
  const element = codecOf(type);
  const isBytes = type.kind === "primitive" && type.primitive === "u8";
  const flat: readonly FlatType[] = ["i32", "i32"];

  function load(memory: CanonMemory, at: number, length: number): unknown {
    if (isBytes) return memory.slice(at, length);
    if (at + length * element.size > memory.bytes.length) {
      throw new RangeError("a list lies outside of memory");
    }
    memory.charge(length * Math.max(1, element.size));
    return Array.from(
      { length },
      (_, i) => element.load(memory, at + i * element.size),
    );
  }

  function store(
    memory: CanonMemory,
    value: unknown,
  ): readonly [number, number] {
    if (isBytes) {
      const bytes = value as Uint8Array;
      const at = memory.allocate(bytes.length, 1);
      memory.bytes.set(bytes, at);
      return [at, bytes.length];
    }
    const items = value as ArrayLike<unknown>;
    const at = memory.allocate(items.length * element.size, element.align);
    for (let i = 0; i < items.length; i++) {
      element.store(memory, items[i], at + i * element.size);
    }
    return [at, items.length];
  }

  return {
    size: 8,
    align: 4,
    flat,
    load: (memory, at) => {
      const start = readBits(memory.view, at, 4);
      return load(memory, start, readBits(memory.view, at + 4, 4));
    },
    store: (memory, value, at) => {
      const [start, length] = store(memory, value);
      writeBits(memory.view, at, 4, start);
      writeBits(memory.view, at + 4, 4, length);
    },
    lift: (memory, from) => {
      const start = from.number() >>> 0;
      return load(memory, start, from.number() >>> 0);
    },
    lower: (memory, value, to) => void to.push(...store(memory, value)),
  };
}

function ownCodec(resource: ResourceType): Codec {
  return handleCodec(
    (memory, index) => memory.handles.take(index, resource),
    (memory, value) => memory.handles.add(resource, value, true),
  );
}

/** Those of its own resources a part of a component gets as what it knows them by. */
function borrowCodec(resource: ResourceType): Codec {
  return handleCodec(
    (memory, index) => memory.handles.get(index, resource),
    (memory, value) =>
      resource.owner === memory.part
        ? Number(value)
        : memory.handles.add(resource, value, false),
  );
}

function handleCodec(
  decode: (memory: CanonMemory, index: number) => unknown,
  encode: (memory: CanonMemory, value: unknown) => number,
): Codec {
  return {
    size: 4,
    align: 4,
    flat: ["i32"],
    load: (memory, at) => decode(memory, readBits(memory.view, at, 4)),
    store: (memory, value, at) =>
      writeBits(memory.view, at, 4, encode(memory, value)),
    lift: (memory, from) => decode(memory, from.number() >>> 0),
    lower: (memory, value, to) => void to.push(encode(memory, value)),
  };
}

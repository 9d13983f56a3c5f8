import assert from "node:assert/strict";
import { CanonMemory } from "./canon_memory.ts";
import { FlatReader, type FlatValue } from "./codec.ts";
import { codecOf } from "./codecs.ts";
import { HandleTable } from "./handle_table.ts";
import type { ResourceType, ValueType } from "./value_types.ts";

const resource: ResourceType = {
  kind: "resource",
  owner: undefined,
  destructor: undefined,
};

const number = (primitive: "u8" | "s8" | "u32" | "s64" | "f32" | "f64") =>
  ({ kind: "primitive", primitive }) as const;
const text = { kind: "primitive", primitive: "string" } as const;
const either: ValueType = {
  kind: "variant",
  cases: [
    ["none", undefined],
    ["text", text],
    ["float", number("f32")],
    ["double", number("f64")],
    ["long", number("s64")],
  ],
};

/** Each with values that must come back as they went, flat and through memory. */
const cases: readonly (readonly [string, ValueType, readonly unknown[]])[] = [
  ["bool", { kind: "primitive", primitive: "bool" }, [true, false]],
  ["u8", number("u8"), [0, 255]],
  ["s8", number("s8"), [-128, 127]],
  ["u32", number("u32"), [0, 4294967295]],
  ["s64", number("s64"), [-(2n ** 63n), 2n ** 63n - 1n]],
  ["f64", number("f64"), [1.5, -Infinity]],
  ["char", { kind: "primitive", primitive: "char" }, ["a", "😀"]],
  ["string", text, ["", "grüße 😀"]],
  ["list of strings", { kind: "list", element: text }, [[], ["a", "bc"]]],
  ["tuple", { kind: "tuple", types: [number("u8"), text] }, [[7, "x"]]],
  ["record", {
    kind: "record",
    fields: [["a-b", number("u8")], ["c", number("s64")]],
  }, [{ aB: 1, c: 2n }]],
  ["flags", { kind: "flags", names: ["one", "two-three"] }, [
    { one: false, twoThree: true },
  ]],
  ["enum", { kind: "enum", names: ["ipv4", "ipv6"] }, ["ipv4", "ipv6"]],
  ["option", { kind: "option", some: text }, [undefined, "x"]],
  ["result", { kind: "result", ok: number("s64"), err: number("u8") }, [
    { tag: "ok", val: 5n },
    { tag: "err", val: 5 },
  ]],
  ["variant", either, [
    { tag: "none", val: undefined },
    { tag: "text", val: "x" },
    { tag: "float", val: 1.5 },
    { tag: "double", val: -2.25 },
    { tag: "long", val: -3n },
  ]],
];
for (const [name, type, values] of cases) {
  Deno.test(`codecOf() gives a ${name} back as it was taken`, () => {
    const { memory } = newMemory();
    const codec = codecOf(type);
    for (const value of values) {
      const flat: FlatValue[] = [];
      codec.lower(memory, value, flat);
      assert.equal(flat.length, codec.flat.length);
      assert.deepEqual(codec.lift(memory, new FlatReader(flat)), value);
      codec.store(memory, value, 1024);
      assert.deepEqual(codec.load(memory, 1024), value);
    }
  });
}

Deno.test("codecOf() lays a record out as C does", () => {
  const types = [number("u8"), number("s64"), number("u8")];
  const { size, align } = codecOf({ kind: "tuple", types });
  assert.deepEqual({ size, align }, { size: 24, align: 8 });
});

Deno.test("codecOf() traps where values are none of their type", () => {
  const { memory } = newMemory();
  const list: ValueType = { kind: "list", element: number("u8") };
  const bad: readonly (readonly [ValueType, readonly FlatValue[]])[] = [
    [list, [65530, 100]],
    [text, [0xfffffff0, 1]],
    [{ kind: "primitive", primitive: "char" }, [0xd800]],
    [{ kind: "enum", names: ["a"] }, [1]],
    [either, [9, 0n, 0]],
    [{ kind: "own", resource }, [1]],
  ];
  for (const [type, flat] of bad) {
    assert.throws(() => codecOf(type).lift(memory, new FlatReader(flat)));
  }
});

Deno.test("HandleTable gives resources by their type, and disposes what is left", () => {
  const { memory, handles } = newMemory();
  let disposed = 0;
  const object = { [Symbol.dispose]: () => void disposed++ };
  const flat: FlatValue[] = [];
  codecOf({ kind: "own", resource }).lower(memory, object, flat);
  const [index = 0] = flat.map(Number);
  assert.equal(handles.get(index, resource), object);
  const other: ResourceType = { ...resource };
  assert.throws(() => handles.get(index, other), /unknown handle/);
  assert.throws(() => handles.get(index + 1, resource), /unknown handle/);
  const borrowed = handles.add(resource, object, false);
  assert.throws(() => handles.take(borrowed, resource), /is given away/);
  handles.clear();
  assert.equal(disposed, 1);
  assert.throws(() => handles.get(index, resource), /unknown handle/);
});

function newMemory() {
  const handles = new HandleTable();
  let free = 2048;
  const memory = new CanonMemory({
    ...{ part: 0, encoding: "utf8", memory: undefined, realloc: undefined },
    postReturn: undefined,
  }, {
    memory: new WebAssembly.Memory({ initial: 1 }),
    realloc: (_at, _size, align, more) => {
      const at = Math.ceil(free / align) * align;
      free = at + more;
      return at;
    },
    handles,
  });
  return { memory, handles };
}

import assert from "node:assert/strict";
import { checkComponent, nobody } from "./component_check.ts";
import { limitCoreModules } from "./core_memory.ts";
import { HandleTable, release } from "./handle_table.ts";
import { hostFunction } from "./host_functions.ts";
import { hostImports } from "./host_imports.ts";
import type { FunctionType, ResourceType, ValueType } from "./value_types.ts";

const imports = hostImports(nobody);
const string: ValueType = { kind: "primitive", primitive: "string" };
const u64: ValueType = { kind: "primitive", primitive: "u64" };
const bytes: ValueType = {
  kind: "list",
  element: { kind: "primitive", primitive: "u8" },
};

for (
  const [from, name, type] of [
    ["constructor", "constructor", functionOf([string], string)],
    ["toString", "call", functionOf([])],
    ["wasi:io/poll", "[static]pollable.constructor", functionOf([string])],
    ["wasi:io/poll", "[method]pollable.wait", functionOf([string])],
    ["wasi:filesystem/types", "[constructor]descriptor", functionOf([string])],
    ["wasi:random/random", "get-random-bytes", functionOf([string], bytes)],
    ["wasi:random/random", "get-random-bytes", functionOf([u64], string)],
  ] as const
) {
  Deno.test(`hostFunction() has no ${from}#${name} that WASI does not have`, () => {
    assert.equal(find(from, name, type), undefined);
  });
}

Deno.test("hostFunction() has functions of WASI for their own resources alone", () => {
  const name = "[method]pollable.ready";
  const bool: ValueType = { kind: "primitive", primitive: "bool" };
  const ready = (resource: string | undefined) =>
    find(
      "wasi:io/poll",
      name,
      functionOf([{ kind: "borrow", resource: resourceOf(resource) }], bool),
    );
  assert.ok(ready("wasi:io/poll#pollable"));
  assert.equal(ready("wasi:io/streams#pollable"), undefined);
  assert.equal(ready(undefined), undefined);
});

Deno.test("hostFunction() is not misled by names that look like several, nor by endless types", () => {
  const enumOf = (...names: readonly string[]) => {
    const type: ValueType = { kind: "enum", names };
    const err: ValueType = { kind: "result", ok: undefined, err: type };
    const resource = resourceOf("wasi:sockets/tcp#tcp-socket");
    const own: ValueType = { kind: "borrow", resource };
    return functionOf([own, type], err);
  };
  const name = "[method]tcp-socket.shutdown";
  const shutdown = (type: FunctionType) => find("wasi:sockets/tcp", name, type);
  assert.equal(shutdown(enumOf("receive,send", "both")), undefined);
  let doubled: ValueType = { kind: "list", element: string };
  for (let i = 0; i < 60; i++) {
    doubled = { kind: "tuple", types: [doubled, doubled] };
  }
  assert.equal(shutdown(functionOf([doubled])), undefined);
});

Deno.test("checkComponent() refuses names that JavaScript's objects have", () => {
  const text = chars("constructor");
  const type = [1, 0x42, 2, 1, 0x40, 0, 1, 0, 4, 0, ...text, 1, 0];
  assertInvalid([
    ...section(7, type),
    ...section(10, [1, 0, ...text, 5, 0]),
    ...section(6, [1, 1, 0, 0, ...text]),
    ...section(8, [1, 1, 0, 0, 0]),
  ], /imports constructor, which this host does not have/);
});

Deno.test("checkComponent() soon gives up on a few bytes that stand for very many parts", () => {
  const nested = section(4, preamble);
  const types = section(7, [1, 0x42, 0]);
  for (let i = 0; i < 40; i++) {
    nested.push(...section(4, [
      ...preamble,
      ...section(6, [1, 4, 2, 1, i]),
      ...section(5, [2, 0, 0, 0, 0, 0, 0]),
    ]));
    const twice = [4, 0, ...chars("a"), 5, 0, 4, 0, ...chars("b"), 5, 0];
    types.push(...section(7, [1, 0x42, 3, 2, 3, 2, 1, i, ...twice]));
  }
  const parts = [...nested, ...section(5, [1, 0, 40, 0])];
  assertInvalid(parts, /too many parts/);
  const declared = section(10, [1, 0, ...chars("x:y/z"), 5, 40]);
  assertInvalid([...types, ...declared], /too many parts/);
});

Deno.test("checkComponent() refuses types that are nested too deeply", () => {
  const deep = [1];
  for (let i = 0; i < 20_000; i++) deep.push(0x42, 1, 1);
  assertInvalid(section(7, [...deep, 0x42, 0]), /nested too deeply/);
});

Deno.test("checkComponent() has nobody make handles of what is the host's", () => {
  const name = chars("wasi:io/poll");
  const type = [1, 0x42, 1, 4, 0, ...chars("pollable"), 3, 1];
  assertInvalid([
    ...section(7, type),
    ...section(10, [1, 0, ...name, 5, 0]),
    ...section(6, [1, 3, 0, 0, ...chars("pollable")]),
    ...section(8, [1, 2, 1]),
  ], /resource\.new of a resource not its own/);
});

Deno.test("HandleTable gives nobody a borrowed resource that is gone", () => {
  const resource = resourceOf("wasi:io/poll#pollable");
  const [owner, borrower] = [new HandleTable(), new HandleTable()];
  const value = {};
  const index = owner.add(resource, value, true);
  const borrowed = borrower.add(resource, value, false);
  assert.equal(borrower.get(borrowed, resource), value);
  release(owner.drop(index, resource)?.owned);
  assert.throws(() => borrower.get(borrowed, resource), TypeError);
});

Deno.test("limitCoreModules() counts every instance of a module", () => {
  const page = 65536;
  const module = new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[5, 3, 1, 0, 1], // One page of memory.
  ]);
  const step = { module: 0, imports: [] };
  const limit = (count: number) =>
    limitCoreModules(
      { modules: [module], steps: Array(count).fill(step) },
      4 * page,
    );
  assert.equal(limit(4).limited.length, 1);
  assert.throws(() => limit(5), { reason: "OOMKilled" });
});

const preamble = [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0];

function functionOf(
  parameters: readonly ValueType[],
  result?: ValueType,
): FunctionType {
  const named = parameters.map((type) => ["x", type] as const);
  return { kind: "function", parameters: named, result };
}

function resourceOf(name: string | undefined): ResourceType {
  return {
    kind: "resource",
    owner: name === undefined ? 0 : undefined,
    ...(name === undefined ? {} : { name }),
    destructor: undefined,
  };
}

function find(from: string, name: string, type: FunctionType) {
  return hostFunction(imports, { kind: "host", from, name, type });
}

function assertInvalid(body: readonly number[], message: RegExp): void {
  const check = checkComponent(new Uint8Array([...preamble, ...body]));
  assert.equal(check.kind, "invalid");
  assert.match(check.kind === "invalid" ? check.message : "", message);
}

function section(id: number, body: readonly number[]): number[] {
  return [id, ...leb(body.length), ...body];
}

function leb(value: number): number[] {
  const more = Math.floor(value / 128);
  return more === 0 ? [value] : [value % 128 + 128, ...leb(more)];
}

function chars(text: string): number[] {
  return [text.length, ...new TextEncoder().encode(text)];
}

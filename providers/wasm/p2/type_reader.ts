import { MalformedModuleError, type WasmReader } from "../wasm_reader.ts";
import type {
  AliasDefinition,
  CoreSort,
  Declaration,
  ExternDescription,
  Primitive,
  Sort,
  TypeDefinition,
  ValueReference,
} from "./component_definitions.ts";

/** Reads a vector: its length, and so many of what `read` reads. */
export function readVector<T>(reader: WasmReader, read: () => T): readonly T[] {
  const items: T[] = [];
  for (let left = reader.unsigned(); left > 0; left--) items.push(read());
  return items;
}

/** Reads the name of an import or an export. */
export function readExternName(reader: WasmReader): string {
  const form = reader.byte();
  const name = reader.name();
  // A version that was cut off the name follows on its own.
  return form === 2 ? name + reader.name() : name;
}

/** Reads a `sort`; one of core modules has a second byte. */
export function readSort(reader: WasmReader): Sort {
  const sort = reader.byte();
  switch (sort) {
    case 0:
      if (reader.byte() === 0x11) return "coreModule";
      break;
    case 1:
      return "function";
    case 3:
      return "type";
    case 4:
      return "component";
    case 5:
      return "instance";
  }
  throw new MalformedModuleError(`something of unknown sort ${sort}`);
}

/** Reads a `core:sort` of what instances of core modules export. */
export function readCoreSort(reader: WasmReader): CoreSort {
  const sort = reader.byte();
  const known = coreSorts[sort];
  if (known !== undefined) return known;
  throw new MalformedModuleError(`a core export of unknown sort ${sort}`);
}

/** Reads an `alias`. */
export function readAlias(reader: WasmReader): AliasDefinition {
  const sort = reader.byte();
  const coreSort = sort === 0 ? reader.byte() : undefined;
  const target = reader.byte();
  if (target === 1) {
    const known = coreSorts[coreSort ?? -1];
    if (known === undefined) {
      throw unknown("an alias of sort", coreSort ?? sort);
    }
    const instance = reader.unsigned();
    return { kind: "coreAlias", sort: known, instance, name: reader.name() };
  }
  const known = coreSort === undefined
    ? sorts[sort]
    : coreSort === 0x11
    ? "coreModule"
    : coreSort === 0x10
    ? "coreType"
    : undefined;
  if (known === undefined) throw unknown("an alias of sort", sort);
  if (target === 2) {
    const depth = reader.unsigned();
    const index = reader.unsigned();
    return { kind: "outerAlias", sort: known, depth, index };
  }
  if (target !== 0 || known === "coreType") {
    throw unknown("an alias of target", target);
  }
  const instance = reader.unsigned();
  return { kind: "alias", sort: known, instance, name: reader.name() };
}

/** Reads an `externdesc`. */
export function readDescription(reader: WasmReader): ExternDescription {
  const kind = reader.byte();
  switch (kind) {
    case 0:
      reader.byte();
      reader.unsigned();
      return { kind: "coreModule" };
    case 1:
      return { kind: "function", type: reader.unsigned() };
    case 3:
      return reader.byte() === 0
        ? { kind: "typeIs", type: reader.unsigned() }
        : { kind: "newResource" };
    case 4:
      return { kind: "component", type: reader.unsigned() };
    case 5:
      return { kind: "instance", type: reader.unsigned() };
    default:
      throw unknown("an import or export of kind", kind);
  }
}

/** Passes over a `core:type`: nothing here needs them. */
export function skipCoreType(reader: WasmReader): void {
  const form = reader.byte();
  if (form !== 0x60) throw unknown("a core type of form", form);
  for (const _ of ["parameters", "results"]) {
    readVector(reader, () => reader.skipValueType());
  }
}

/** Reads a `deftype`. */
export function readType(reader: WasmReader): TypeDefinition {
  const form = reader.byte();
  switch (form) {
    case 0x72:
      return { kind: "record", fields: readNamedValues(reader) };
    case 0x71:
      return {
        kind: "variant",
        cases: readVector(reader, () => readCase(reader)),
      };
    case 0x70:
      return { kind: "list", element: readValue(reader) };
    case 0x6f:
      return {
        kind: "tuple",
        types: readVector(reader, () => readValue(reader)),
      };
    case 0x6e:
      return { kind: "flags", names: readVector(reader, () => reader.name()) };
    case 0x6d:
      return { kind: "enum", names: readVector(reader, () => reader.name()) };
    case 0x6b:
      return { kind: "option", some: readValue(reader) };
    case 0x6a:
      return {
        kind: "result",
        ok: readOptional(reader, readValue),
        err: readOptional(reader, readValue),
      };
    case 0x69:
      return { kind: "own", resource: reader.unsigned() };
    case 0x68:
      return { kind: "borrow", resource: reader.unsigned() };
    case 0x40: {
      const parameters = readNamedValues(reader);
      return { kind: "function", parameters, result: readResult(reader) };
    }
    case 0x3f:
      reader.byte();
      return {
        kind: "resource",
        destructor: readOptional(reader, () => reader.unsigned()),
      };
    case 0x41:
      readVector(reader, () => readDeclaration(reader, true));
      return { kind: "componentType" };
    case 0x42:
      return {
        kind: "instanceType",
        declarations: readVector(reader, () => readDeclaration(reader, false)),
      };
  }
  const primitive = primitives[form - 0x73];
  if (primitive === undefined) throw unknown("a type of form", form);
  return { kind: "value", type: { kind: "primitive", primitive } };
}

function readDeclaration(reader: WasmReader, imports: boolean): Declaration {
  const kind = reader.byte();
  switch (kind) {
    case 0:
      skipCoreType(reader);
      return { kind: "coreType" };
    case 1:
      return { kind: "type", type: readType(reader) };
    case 2:
      return readAlias(reader);
    case 3:
      if (!imports) break;
      return readDeclared(reader);
    case 4:
      return readDeclared(reader);
  }
  throw unknown("a declaration of kind", kind);
}

function readDeclared(reader: WasmReader): Declaration {
  const name = readExternName(reader);
  return { kind: "declared", name, description: readDescription(reader) };
}

/** A negative number stands for a primitive, else it is an index. */
function readValue(reader: WasmReader): ValueReference {
  const first = reader.byte();
  if (first < 0x40) return { kind: "index", index: first };
  if (first < 0x80) {
    const primitive = primitives[first - 0x73];
    if (primitive === undefined) throw unknown("a value of type", first);
    return { kind: "primitive", primitive };
  }
  let index = first & 0x7f;
  for (let scale = 128; scale < 2 ** 35; scale *= 128) {
    const byte = reader.byte();
    index += (byte & 0x7f) * scale;
    if (byte < 0x80) return { kind: "index", index };
  }
  throw new MalformedModuleError("the index of a type is too large");
}

function readNamedValues(reader: WasmReader) {
  return readVector(
    reader,
    () => [reader.name(), readValue(reader)] as const,
  );
}

function readCase(
  reader: WasmReader,
): readonly [string, ValueReference | undefined] {
  const name = reader.name();
  const type = readOptional(reader, readValue);
  // Once there were cases that refined others.
  reader.byte();
  return [name, type];
}

function readResult(reader: WasmReader): ValueReference | undefined {
  if (reader.byte() === 0) return readValue(reader);
  const named = readNamedValues(reader);
  if (named.length === 0) return undefined;
  throw new MalformedModuleError("a function has several results");
}

function readOptional<T>(
  reader: WasmReader,
  read: (reader: WasmReader) => T,
): T | undefined {
  return reader.byte() === 0 ? undefined : read(reader);
}

function unknown(what: string, value: number): MalformedModuleError {
  const hex = value.toString(16);
  return new MalformedModuleError(`${what} 0x${hex} is not of WASI 0.2`);
}

const coreSorts: readonly (CoreSort | undefined)[] = [
  "coreFunction",
  "coreTable",
  "coreMemory",
  "coreGlobal",
];

const sorts: readonly (Sort | undefined)[] = [
  undefined,
  "function",
  undefined,
  "type",
  "component",
  "instance",
];

/** From 0x73 up to 0x7f. */
const primitives: readonly Primitive[] = [
  "string",
  "char",
  "f64",
  "f32",
  "u64",
  "s64",
  "u32",
  "s32",
  "u16",
  "s16",
  "u8",
  "s8",
  "bool",
];

import { UnknownInstructionError } from "./instructions.ts";
import {
  type Limits,
  MalformedModuleError,
  type Section,
  sectionId,
  WasmReader,
} from "./wasm_reader.ts";

/** Kinds of imports and exports. */
export const externKind = {
  function: 0,
  table: 1,
  memory: 2,
  global: 3,
  tag: 4,
} as const;

/** One import of a module. */
export interface Import {
  readonly module: string;
  readonly name: string;
  readonly kind: number;
}

/** One export of a module. */
export interface Export {
  readonly name: string;
  readonly kind: number;
  /** Of the function, memory, … among those of its kind, imported ones first. */
  readonly index: number;
}

/** What a module imports. */
export function readImports(
  bytes: Uint8Array,
  sections: readonly Section[],
): readonly Import[] {
  return readItems(bytes, sections, sectionId.import, (reader) => {
    const module = reader.name();
    const name = reader.name();
    const kind = reader.byte();
    skipImportType(reader, kind);
    return { module, name, kind };
  });
}

/** What a module exports. */
export function readExports(
  bytes: Uint8Array,
  sections: readonly Section[],
): readonly Export[] {
  return readItems(bytes, sections, sectionId.export, (reader) => {
    const name = reader.name();
    const kind = reader.byte();
    return { name, kind, index: reader.unsigned() };
  });
}

/** The memories that a module defines itself. */
export function readMemories(
  bytes: Uint8Array,
  sections: readonly Section[],
): readonly Limits[] {
  return readItems(
    bytes,
    sections,
    sectionId.memory,
    (reader) => reader.limits(),
  );
}

/** How many types a module has; throws for the recursive types of the GC proposal. */
export function countTypes(
  bytes: Uint8Array,
  sections: readonly Section[],
): number {
  return readItems(bytes, sections, sectionId.type, skipFunctionType).length;
}

/** How many globals a module defines itself. */
export function countGlobals(
  bytes: Uint8Array,
  sections: readonly Section[],
): number {
  const section = sections.find(({ id }) => id === sectionId.global);
  if (section === undefined) return 0;
  return new WasmReader(bytes, section.start, section.end).unsigned();
}

function readItems<T>(
  bytes: Uint8Array,
  sections: readonly Section[],
  id: number,
  read: (reader: WasmReader) => T,
): readonly T[] {
  const section = sections.find((section) => section.id === id);
  if (section === undefined) return [];
  const reader = new WasmReader(bytes, section.start, section.end);
  const items: T[] = [];
  for (let left = reader.unsigned(); left > 0; left--) items.push(read(reader));
  return items;
}

function skipImportType(reader: WasmReader, kind: number): void {
  switch (kind) {
    case externKind.function:
      return reader.skipNumber();
    case externKind.table:
      reader.skipValueType();
      reader.limits();
      return;
    case externKind.memory:
      reader.limits();
      return;
    case externKind.global:
      reader.skipValueType();
      return reader.skip(1);
    case externKind.tag:
      reader.skip(1);
      return reader.skipNumber();
    default:
      throw new MalformedModuleError(`an import is of unknown kind ${kind}`);
  }
}

function skipFunctionType(reader: WasmReader): void {
  const form = reader.byte();
  if (form !== 0x60) throw new UnknownInstructionError(`type form ${form}`);
  for (const _ of ["parameters", "results"]) {
    for (let left = reader.unsigned(); left > 0; left--) reader.skipValueType();
  }
}

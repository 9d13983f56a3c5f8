import {
  MalformedModuleError,
  readSections,
  WasmReader,
} from "../wasm_reader.ts";

/** What a component says of itself at its top level. */
export interface ComponentOutline {
  /** Names of what it imports, types aside, such as `wasi:cli/environment@0.2.6`. */
  readonly imports: readonly string[];
  /** Names of what it exports, such as `wasi:cli/run@0.2.6`. */
  readonly exports: readonly string[];
}

/** Whether these bytes begin as those of a component do. */
export function isComponent(bytes: Uint8Array): boolean {
  return preamble.every((byte, index) => bytes[index] === byte);
}

/**
 * Reads the names of imports and exports; throws a `MalformedModuleError` where it cannot.
 * https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
 */
export function readComponent(bytes: Uint8Array): ComponentOutline {
  const imports: string[] = [];
  const exports: string[] = [];
  for (const { id, start, end } of readSections(bytes)) {
    const reader = new WasmReader(bytes, start, end);
    if (id === sectionId.import) {
      for (let left = reader.unsigned(); left > 0; left--) {
        const name = readName(reader);
        if (skipDescription(reader) !== externKind.type) imports.push(name);
      }
    }
    if (id === sectionId.export) {
      for (let left = reader.unsigned(); left > 0; left--) {
        exports.push(readName(reader));
        // A sort, which is two bytes for those of core modules, and an index.
        if (reader.byte() === 0) reader.byte();
        reader.unsigned();
        if (reader.byte() === 1) skipDescription(reader);
      }
    }
  }
  return { imports, exports };
}

function readName(reader: WasmReader): string {
  const form = reader.byte();
  const name = reader.name();
  // A version that was cut off the name follows on its own.
  return form === 2 ? name + reader.name() : name;
}

/** Passes over an `externdesc` and returns its kind. */
function skipDescription(reader: WasmReader): number {
  const kind = reader.byte();
  switch (kind) {
    case externKind.module:
      reader.byte();
      reader.unsigned();
      return kind;
    case externKind.value:
      reader.byte();
      reader.skipNumber();
      return kind;
    case externKind.type:
      if (reader.byte() === 0) reader.unsigned();
      return kind;
    case externKind.function:
    case externKind.component:
    case externKind.instance:
      reader.unsigned();
      return kind;
    default:
      throw new MalformedModuleError(`an import is of unknown kind ${kind}`);
  }
}

/** The magic number, version 13 and layer 1. */
const preamble = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];

const sectionId = { import: 10, export: 11 } as const;

const externKind = {
  module: 0,
  function: 1,
  value: 2,
  type: 3,
  component: 4,
  instance: 5,
} as const;

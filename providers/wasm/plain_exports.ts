import { externKind, readExports, readImports } from "./module_outline.ts";
import {
  readSections,
  type Section,
  sectionId,
  WasmReader,
} from "./wasm_reader.ts";

/** The functions of a module that a command can name: they take nothing, and are no toolchain's. */
export interface PlainExports {
  /** Those that return nothing. */
  readonly callable: readonly string[];
  /** Those that return something, or whose type is of a proposal that is not known here. */
  readonly returning: readonly string[];
}

/** Reads them from the outline of a module that was checked before. */
export function readPlainExports(bytes: Uint8Array): PlainExports {
  const sections = readSections(bytes);
  const imported = readImports(bytes, sections)
    .filter(({ kind }) => kind === externKind.function).length;
  const types = readFunctionTypes(bytes, sections);
  const typeOf = readNumbers(bytes, sections, sectionId.function);
  const named = readExports(bytes, sections)
    .filter(({ name, kind }) =>
      kind === externKind.function && !name.startsWith("_")
    )
    .map(({ name, index }) => ({
      name,
      type: types?.[typeOf[index - imported] ?? -1],
    }));
  return {
    callable: named.filter(({ type }) =>
      type?.parameters === 0 && type.results === 0
    ).map(({ name }) => name),
    returning: named.filter(({ type }) =>
      type === undefined || (type.parameters === 0 && type.results > 0)
    ).map(({ name }) => name),
  };
}

/** How many values a function takes and returns. */
interface FunctionType {
  readonly parameters: number;
  readonly results: number;
}

/** Undefined where a type is no function's. */
function readFunctionTypes(
  bytes: Uint8Array,
  sections: readonly Section[],
): readonly FunctionType[] | undefined {
  const reader = readerOf(bytes, sections, sectionId.type);
  const types: FunctionType[] = [];
  for (let left = reader?.unsigned() ?? 0; reader && left > 0; left--) {
    if (reader.byte() !== functionForm) return undefined;
    const parameters = skipValues(reader);
    types.push({ parameters, results: skipValues(reader) });
  }
  return types;
}

function skipValues(reader: WasmReader): number {
  const count = reader.unsigned();
  for (let left = count; left > 0; left--) reader.skipValueType();
  return count;
}

function readNumbers(
  bytes: Uint8Array,
  sections: readonly Section[],
  id: number,
): readonly number[] {
  const reader = readerOf(bytes, sections, id);
  if (reader === undefined) return [];
  return Array.from({ length: reader.unsigned() }, () => reader.unsigned());
}

function readerOf(
  bytes: Uint8Array,
  sections: readonly Section[],
  id: number,
): WasmReader | undefined {
  const section = sections.find((section) => section.id === id);
  return section && new WasmReader(bytes, section.start, section.end);
}

const functionForm = 0x60;

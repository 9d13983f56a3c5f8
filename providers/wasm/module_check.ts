import { externKind, readExports, readImports } from "./module_outline.ts";
import { readPlainExports } from "./plain_exports.ts";
import { isWasiFunction } from "./wasi_names.ts";
import { MalformedModuleError, readSections } from "./wasm_reader.ts";

/** Whether a module can be run as a guest. */
export type ModuleCheck =
  | { readonly kind: "ok" }
  | { readonly kind: "invalid"; readonly message: string };

/**
 * Whether these bytes are a WASI preview 1 program: a module that exports `_start` and imports
 * nothing but WASI functions, or WasmEdge's for sockets. Only its outline is read: compiling it may still fail.
 */
export function checkModule(bytes: Uint8Array, entry?: string): ModuleCheck {
  try {
    const problem = findProblem(bytes, entry);
    return problem === undefined
      ? { kind: "ok" }
      : { kind: "invalid", message: problem };
  } catch (error) {
    if (!(error instanceof MalformedModuleError)) throw error;
    return { kind: "invalid", message: `module is corrupt: ${error.message}` };
  }
}

function findProblem(
  bytes: Uint8Array,
  entry: string | undefined,
): string | undefined {
  const preamble = [...bytes.subarray(0, 8)].map((byte) =>
    byte.toString(16).padStart(2, "0")
  ).join(" ");
  if (preamble.startsWith("7f 45 4c 46")) {
    return "module is not WebAssembly but a program for Linux (ELF), which an ordinary node runs";
  }
  if (preamble !== "00 61 73 6d 01 00 00 00") {
    return `module is not WebAssembly: it begins with ${preamble || "nothing"}`;
  }
  const sections = readSections(bytes);
  const unknown = readImports(bytes, sections).filter((
    { module, name, kind },
  ) => kind !== externKind.function || !isWasiFunction(module, name));
  if (unknown.length > 0) {
    const names = new Set(unknown.map((item) => `${item.module}.${item.name}`));
    return `module imports ${
      [...names].join(", ")
    }, which WASI preview 1 does not have`;
  }
  if (entry !== undefined && entry !== "_start") {
    const { callable, returning } = readPlainExports(bytes);
    const names = [...callable, ...returning];
    if (names.includes(entry)) return undefined;
    const others = names.length === 0
      ? "it exports no such function"
      : `it exports ${summary(names)}`;
    return `module has no export "${entry}" that is a function without parameters: ${others}`;
  }
  const starts = readExports(bytes, sections).some(({ name, kind }) =>
    name === "_start" && kind === externKind.function
  );
  if (!starts) {
    return "module exports no function _start: it is a library, not a program";
  }
  return undefined;
}

/** A list of names for a message; a module may have hundreds. */
function summary(names: readonly string[]): string {
  const distinct = [...new Set(names)];
  const shown = distinct.slice(0, 5);
  const hidden = distinct.length - shown.length;
  return shown.join(", ") + (hidden > 0 ? ` and ${hidden} more` : "");
}

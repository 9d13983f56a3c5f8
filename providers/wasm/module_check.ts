import { externKind, readExports, readImports } from "./module_outline.ts";
import { wasiFunctionNames, wasiModuleName } from "./wasi_names.ts";
import { MalformedModuleError, readSections } from "./wasm_reader.ts";

/** Whether a module can be run as a guest. */
export type ModuleCheck =
  | { readonly kind: "ok" }
  | { readonly kind: "invalid"; readonly message: string };

/**
 * Whether these bytes are a WASI preview 1 program: a module that exports `_start` and imports
 * nothing but WASI functions. Only its outline is read: compiling it may still fail.
 */
export function checkModule(bytes: Uint8Array): ModuleCheck {
  try {
    const problem = findProblem(bytes);
    return problem === undefined
      ? { kind: "ok" }
      : { kind: "invalid", message: problem };
  } catch (error) {
    if (!(error instanceof MalformedModuleError)) throw error;
    return { kind: "invalid", message: `module is corrupt: ${error.message}` };
  }
}

function findProblem(bytes: Uint8Array): string | undefined {
  const preamble = [...bytes.subarray(0, 8)].map((byte) =>
    byte.toString(16).padStart(2, "0")
  ).join(" ");
  if (preamble === "00 61 73 6d 0d 00 01 00") {
    return "module is a WebAssembly component, and components are not supported yet: only WASI preview 1 modules are";
  }
  if (preamble !== "00 61 73 6d 01 00 00 00") {
    return `module is not WebAssembly: it begins with ${preamble || "nothing"}`;
  }
  const sections = readSections(bytes);
  const unknown = readImports(bytes, sections).filter((
    { module, name, kind },
  ) =>
    module !== wasiModuleName || kind !== externKind.function ||
    !wasiFunctionNames.has(name)
  );
  if (unknown.length > 0) {
    const names = summary(unknown.map((item) => `${item.module}.${item.name}`));
    return `module imports ${names}, which WASI preview 1 does not have`;
  }
  const starts = readExports(bytes, sections).some(({ name, kind }) =>
    name === "_start" && kind === externKind.function
  );
  if (!starts) {
    return "module exports no function _start: it is a library, not a program";
  }
  return undefined;
}

/** A list of names for a message; a module may lack hundreds. */
function summary(names: readonly string[]): string {
  const distinct = [...new Set(names)];
  const shown = distinct.slice(0, 5);
  const hidden = distinct.length - shown.length;
  return shown.join(", ") + (hidden > 0 ? ` and ${hidden} more` : "");
}

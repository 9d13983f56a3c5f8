import { MalformedModuleError } from "../wasm_reader.ts";
import {
  type ComponentExports,
  entryNames,
  findEntry,
  findExport,
} from "./component_entry.ts";
import { readComponentBody } from "./component_reader.ts";
import {
  type ComponentImports,
  hostFunction,
  missingName,
} from "./host_functions.ts";
import { hostImports } from "./host_imports.ts";
import { type ComponentProgram, linkComponent } from "./link_component.ts";
import { functionText } from "./type_text.ts";

/** What a component is by what it exports: it runs to its end, or it answers HTTP requests. */
export type ComponentWorld = "command" | "http";

/** Whether a component can be run as a guest. */
export type ComponentCheck =
  | { readonly kind: "component"; readonly world: ComponentWorld }
  | { readonly kind: "invalid"; readonly message: string };

/**
 * Reads all of a component but its core modules: making an instance may still fail.
 * @param entry The export that is to be called; what makes it a program unless given.
 */
export function checkComponent(
  bytes: Uint8Array<ArrayBuffer>,
  entry?: string,
): ComponentCheck {
  try {
    const program = linkComponent(readComponentBody(bytes));
    const missing = missingImports(program, hostImports(nobody));
    if (missing.length === 0) return checkExports(program.exports, entry);
    return invalid(
      `component imports ${missing.join(", ")}, which this host does not have`,
    );
  } catch (error) {
    // The readers call themselves for what is inside something else.
    if (error instanceof RangeError) {
      return invalid("component is corrupt: it is nested too deeply");
    }
    if (!(error instanceof MalformedModuleError)) throw error;
    return invalid(`component is corrupt: ${error.message}`);
  }
}

/** The names of all that a component calls and the host does not have. */
function missingImports(
  { calls }: ComponentProgram,
  imports: ComponentImports,
): readonly string[] {
  const missing = calls.flatMap(({ callee }) =>
    callee.kind === "host" && hostFunction(imports, callee) === undefined
      ? [missingName(imports, callee)]
      : []
  );
  return [...new Set(missing)];
}

function checkExports(
  exports: ComponentExports,
  entry: string | undefined,
): ComponentCheck {
  if (entry !== undefined) {
    const found = findEntry(exports, entry);
    return found === undefined
      ? invalid(noEntry(exports, entry))
      : { kind: "component", world: "command" };
  }
  if (findExport(exports, "wasi:cli/run", "run") !== undefined) {
    return { kind: "component", world: "command" };
  }
  const handler = findExport(exports, "wasi:http/incoming-handler", "handle");
  if (handler !== undefined) {
    return functionText(handler.type) === handlerText
      ? { kind: "component", world: "http" }
      : invalid("component has a wasi:http/incoming-handler of other types");
  }
  return invalid(
    `component exports neither wasi:cli/run nor wasi:http/incoming-handler of WASI 0.2: it is a library, not a program`,
  );
}

/** It is given objects of the host, which must be known as what they are. */
const handlerText =
  "(own<wasi:http/types#incoming-request>,own<wasi:http/types#response-outparam>)";

/** Says that there is no such entry, and which there are. */
function noEntry(exports: ComponentExports, entry: string): string {
  const names = entryNames(exports);
  const others = names.length === 0
    ? "none of its exports can be called"
    : `it exports ${names.join(", ")}`;
  return `component has no export "${entry}" without parameters that returns nothing, a result or a whole number: ${others}`;
}

function invalid(message: string): ComponentCheck {
  return { kind: "invalid", message };
}

/** A host only to ask what it has. */
export const nobody = {
  args: [],
  env: {},
  stdin: {
    ready: true,
    untilReady: () => Promise.resolve(),
    take: () => new Uint8Array(0),
  },
  stdout: () => 0,
  stderr: () => 0,
  terminal: false,
  directories: [],
  files: undefined,
  net: undefined,
  exit(): never {
    throw new Error("nobody exits");
  },
};

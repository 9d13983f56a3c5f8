import { MalformedModuleError } from "../wasm_reader.ts";
import { type ComponentOutline, readComponent } from "./component_outline.ts";
import { hostInterfaces } from "./host_interfaces.ts";

/** What a component is by what it exports: it runs to its end, or it answers HTTP requests. */
export type ComponentWorld = "command" | "http";

/** Whether a component can be run as a guest. */
export type ComponentCheck =
  | { readonly kind: "component"; readonly world: ComponentWorld }
  | { readonly kind: "invalid"; readonly message: string };

/** Looks at the outline of a component only: making it runnable may still fail. */
export function checkComponent(bytes: Uint8Array): ComponentCheck {
  try {
    return checkOutline(readComponent(bytes));
  } catch (error) {
    if (!(error instanceof MalformedModuleError)) throw error;
    const message = `component is corrupt: ${error.message}`;
    return { kind: "invalid", message };
  }
}

function checkOutline({ imports, exports }: ComponentOutline): ComponentCheck {
  const missing = imports.filter((name) => !hasInterface(name));
  if (missing.length > 0) {
    const message = `component imports ${
      missing.join(", ")
    }, which this host does not have`;
    return { kind: "invalid", message };
  }
  if (exports.some((name) => /^wasi:cli\/run@0\.2\.\d+$/.test(name))) {
    return { kind: "component", world: "command" };
  }
  const handler = /^wasi:http\/incoming-handler@0\.2\.\d+$/;
  if (exports.some((name) => handler.test(name))) {
    return { kind: "component", world: "http" };
  }
  const message =
    "component exports neither wasi:cli/run nor wasi:http/incoming-handler of WASI 0.2: it is a library, not a program";
  return { kind: "invalid", message };
}

function hasInterface(name: string): boolean {
  const [, unversioned = ""] = /^(.+)@0\.2\.\d+$/.exec(name) ?? [];
  return hostInterfaces.has(unversioned);
}

import { checkComponent, type ComponentWorld } from "./p2/component_check.ts";
import { isComponent } from "./p2/component_outline.ts";
import { checkModule } from "./module_check.ts";

/** Whether a file can be run as a guest, and as which kind. */
export type ProgramCheck =
  | { readonly kind: "ok" }
  | { readonly kind: "component"; readonly world: ComponentWorld }
  | { readonly kind: "invalid"; readonly message: string };

/** Looks at the outline of a module or a component: starting it may still fail. */
export function checkProgram(bytes: Uint8Array): ProgramCheck {
  return isComponent(bytes) ? checkComponent(bytes) : checkModule(bytes);
}

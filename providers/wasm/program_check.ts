import { checkComponent, type ComponentWorld } from "./p2/component_check.ts";
import { isComponent } from "./p2/component_outline.ts";
import { checkModule } from "./module_check.ts";

/** Whether a file can be run as a guest, and as which kind. */
export type ProgramCheck =
  | { readonly kind: "ok" }
  | { readonly kind: "component"; readonly world: ComponentWorld }
  | { readonly kind: "invalid"; readonly message: string };

/**
 * Looks at the outline of a module or a component: starting it may still fail.
 * @param entry The export that is to be called; what makes it a program unless given.
 */
export function checkProgram(
  bytes: Uint8Array<ArrayBuffer>,
  entry?: string,
): ProgramCheck {
  return isComponent(bytes)
    ? checkComponent(bytes, entry)
    : checkModule(bytes, entry);
}

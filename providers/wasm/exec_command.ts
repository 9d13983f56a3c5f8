import { basename } from "node:path";
import type { GuestSpec } from "./guest_spec.ts";
import { checkProgram } from "./program_check.ts";

/** What a shell exits with for a command that is not there. */
export const notFoundExitCode = 127;

/**
 * Why a container has no such command; undefined where it has. A command is the program's own name,
 * with arguments, or else an export of it that takes no parameters.
 */
export async function missingCommand(
  { module, args: [own = ""] }: Pick<GuestSpec, "module" | "args">,
  [name = ""]: readonly string[],
): Promise<string | undefined> {
  if (plainName(name) === plainName(own)) return undefined;
  const check = checkProgram(await Deno.readFile(module), name);
  return check.kind === "invalid"
    ? `exec: "${name}": not found: it is not the program's own name, "${own}", and ${check.message}`
    : undefined;
}

/** `app` for `/bin/app.wasm`. */
function plainName(name: string): string {
  return basename(name).replace(/\.wasm$/, "");
}

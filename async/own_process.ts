/**
 * The command that runs one module of this program in a process of its own.
 *
 * A compiled or bundled program is one whole: it runs itself, and must know `argument` as its
 * first one. From the sources it is the module that is run, which must start at import.
 */
export function ownProcess(
  { module, argument, flags = [] }: {
    /** Where the module is, as a caller's `new URL("./x.ts", import.meta.url)`. */
    readonly module: URL;
    /** Such as `__wasm-runner`. */
    readonly argument: string;
    /** For `deno run`, where the module is run from the sources. */
    readonly flags?: readonly string[];
  },
): readonly string[] {
  if (Deno.build.standalone) return [Deno.execPath(), argument];
  const run = [Deno.execPath(), "run", "-A", "--quiet"];
  if (isBundled()) return [...run, Deno.mainModule, argument];
  return [...run, ...flags, module.href];
}

/** A bundle is JavaScript; the sources are not. */
function isBundled(): boolean {
  return !import.meta.url.endsWith(".ts");
}

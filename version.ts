import manifest from "./deno.json" with { type: "json" };

/** farlet's version, as `deno.json` has it: `0.1.0`. */
export const version: string = manifest.version;

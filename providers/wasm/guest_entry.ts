import type { GuestSpec } from "./guest_spec.ts";
import { promising } from "./jspi.ts";

/**
 * What to call of a module: `_start` or the entry of its container, or the export that the command
 * of an exec names.
 *
 * The export must be a function without parameters, and its name must not begin with `_`, as those
 * of toolchains do. Before it runs what the module exports to be initialised: `_initialize`, or else
 * `__wasm_call_ctors`. A number that it returns is the exit code, else that is 0.
 */
export function findEntry(
  exports: WebAssembly.Exports,
  { exec = false, args: [name = ""], entry }: Pick<
    GuestSpec,
    "exec" | "args" | "entry"
  >,
): () => Promise<number> {
  const called = exec && !name.startsWith("_") ? exports[name] : undefined;
  const named = isPlainFunction(called) ? called : exports[entry ?? "_start"];
  if (named === exports["_start"]) return withCode(promising(named));
  const call = withCode(promising(named));
  const initialize = [exports["_initialize"], exports["__wasm_call_ctors"]]
    .find(isPlainFunction);
  if (initialize === undefined) return call;
  return async () => {
    await promising(initialize)();
    return await call();
  };
}

function isPlainFunction(item: WebAssembly.ExportValue | undefined) {
  return typeof item === "function" && item.length === 0;
}

function withCode(call: () => Promise<unknown>): () => Promise<number> {
  return async () => {
    const result = await call();
    return typeof result === "number" ? result : 0;
  };
}

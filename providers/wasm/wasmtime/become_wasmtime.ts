import { confine } from "../confine.ts";
import type { GuestInput } from "../descriptors.ts";
import { GuestFailure } from "../guest_failure.ts";
import { ProgramCalls } from "./program_calls.ts";
import { readOnlyTree } from "./read_only_tree.ts";
import { wasmtimeArguments, type WasmtimeSpec } from "./wasmtime_arguments.ts";
import { wasmtimeProblem } from "./wasmtime_problem.ts";

/** What the runner holds for the guest. */
export interface HeldForGuest {
  /** Descriptors of the preopened directories, in the order of the specification. */
  readonly directories: readonly number[];
  /** Must hold nothing that was read already. */
  readonly input: GuestInput;
}

/**
 * Makes this runner process a wasmtime that runs the guest: under the same process ID, with the
 * same standard streams, and with no other files than the guest's. Throws where it cannot.
 */
export function becomeWasmtime(
  spec: WasmtimeSpec,
  { directories, input }: HeldForGuest,
): never {
  const problem = wasmtimeProblem(spec);
  if (problem !== undefined) throw new GuestFailure("StartError", problem);
  if (spec.stdin && input.ready) {
    throw new Error("Cannot give wasmtime its input: some of it was read");
  }
  using calls = new ProgramCalls();
  // Before the user changes: who runs the guest may not have the way to them.
  const [program, code] = [spec.wasmtime.program, spec.wasmtime.code]
    .map((path) => calls.open(path));
  if (program === undefined || code === undefined) throw new TypeError();
  const offered = spec.preopens.map(({ readOnly }, i) => {
    const directory = directories[i] ?? -1;
    return readOnly ? readOnlyTree(calls, directory) : directory;
  });
  const { allowedHosts = [], listeners = [] } = spec;
  const sockets = allowedHosts.length > 0
    ? "connecting"
    : listeners.length > 0
    ? "listening"
    : "none";
  confine({ ...spec, sockets, mayExec: true });
  // It may have died while the kernel did not care.
  if (Deno.ppid !== spec.parentPid) throw new Error("The agent has ended");
  for (const descriptor of [code, ...offered]) calls.keepOpen(descriptor);
  const args = wasmtimeArguments(spec, {
    code: pathOf(code),
    directories: offered.map(pathOf),
  });
  return calls.become(program, ["wasmtime", ...args], spec.env);
}

/** Leads to an open file, whatever the way to its name. */
function pathOf(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}

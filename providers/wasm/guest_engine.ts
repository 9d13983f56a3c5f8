import type { GuestEnd } from "./guest_process.ts";
import type { GuestReport, GuestSpec } from "./guest_spec.ts";
import type { ProgramCheck } from "./program_check.ts";

/** A program that can be run: what is in its file, and which that is. */
export type EngineProgram =
  & Exclude<ProgramCheck, { readonly kind: "invalid" }>
  & {
    readonly path: string;
    /** Of the file, as `sha256:HEX`. */
    readonly digest: string;
  };

/**
 * What turns a {@linkcode GuestSpec} into a running guest: V8 in the runner process, or another
 * program that the runner process becomes.
 */
export interface GuestEngine {
  /** For the version of the node's container runtime, such as `wasmtime.49.0.3`; none for V8. */
  readonly label?: string;

  /** Makes a program ready to start, once. Rejects with an `Error` that says why it cannot be run. */
  prepare(
    program: EngineProgram,
  ): Promise<Pick<GuestSpec, "component" | "wasmtime">>;

  /** What of a specification this engine cannot honour, and why; undefined where it honours all. */
  problem(spec: GuestSpec): string | undefined;

  /** How a guest ended, of which its runner told nothing; undefined where its exit code says it all. */
  explain(
    end: GuestEnd,
    lastErrors: () => Promise<string>,
  ): Promise<GuestReport | undefined>;
}

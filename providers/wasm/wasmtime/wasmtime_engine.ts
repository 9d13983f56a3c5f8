import { join } from "node:path";
import { ConfigError } from "../../../async/config_error.ts";
import { messageOf } from "../../../async/message_of.ts";
import type { EngineProgram, GuestEngine } from "../guest_engine.ts";
import type { GuestEnd } from "../guest_process.ts";
import type { GuestReport, GuestSpec } from "../guest_spec.ts";
import { readSections } from "../wasm_reader.ts";
import { CompiledPrograms } from "./compiled_programs.ts";
import { readImports } from "../module_outline.ts";
import { readPlainExports } from "../plain_exports.ts";
import { findProgram } from "./find_program.ts";
import { runWasmtime } from "./run_wasmtime.ts";
import { wasmtimeReport } from "./wasmtime_end.ts";
import { wasmtimeProblem } from "./wasmtime_problem.ts";

/** Options for {@linkcode WasmtimeEngine.open}. */
export interface WasmtimeEngineOptions {
  /** Path of the wasmtime program, or its name on the `PATH`. */
  readonly program: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Where what it has compiled is kept. */
  readonly stateDir: string;
}

/** Guests that a wasmtime program runs: each runner process becomes one. Linux only. */
export class WasmtimeEngine implements GuestEngine {
  readonly label: string;
  readonly #program: string;
  readonly #compiled: CompiledPrograms;

  private constructor(
    program: string,
    { stateDir }: WasmtimeEngineOptions,
    version: string,
  ) {
    this.label = `wasmtime.${version}`;
    this.#program = program;
    this.#compiled = new CompiledPrograms({
      program,
      version,
      root: join(stateDir, "wasmtime"),
    });
  }

  /** Fails where the program is none that this engine can use. */
  static async open(options: WasmtimeEngineOptions): Promise<WasmtimeEngine> {
    const { program: name, env } = options;
    if (Deno.build.os !== "linux") {
      const { os } = Deno.build;
      throw new ConfigError(`Cannot use wasmtime on ${os}: only on Linux`);
    }
    try {
      const program = await findProgram(name, env?.["PATH"]);
      const text = await runWasmtime(program, ["--version"]);
      const [, version] = /^wasmtime (\d+\.\d+\.\d+)/.exec(text) ?? [];
      if (version !== undefined) {
        return new WasmtimeEngine(program, options, version);
      }
      throw new Error(`it calls itself "${text.trim()}"`);
    } catch (cause) {
      const why = messageOf(cause);
      const message = `Cannot use wasmtime "${name}": ${why}`;
      throw new ConfigError(message, { cause });
    }
  }

  async prepare(
    given: EngineProgram,
  ): Promise<Pick<GuestSpec, "component" | "wasmtime">> {
    const bytes = await Deno.readFile(given.path);
    if (given.kind === "ok") checkImports(bytes);
    const code = await this.#compiled.find(given.path, given.digest);
    const program = this.#program;
    if (given.kind === "component") {
      const kind = given.world;
      return { component: true, wasmtime: { program, code, kind } };
    }
    const exports = readPlainExports(bytes);
    return { wasmtime: { program, code, kind: "module", ...exports } };
  }

  problem({ wasmtime, ...spec }: GuestSpec): string | undefined {
    return wasmtime && wasmtimeProblem({ ...spec, wasmtime });
  }

  async explain(
    { code, signal }: GuestEnd,
    lastErrors: () => Promise<string>,
  ): Promise<GuestReport | undefined> {
    if (signal !== undefined) return undefined;
    return code === 0 ? undefined : wasmtimeReport(code, await lastErrors());
  }
}

/** Of the functions that farlet has for modules, wasmtime lacks those for sockets of their own. */
function checkImports(bytes: Uint8Array): void {
  const lacking = readImports(bytes, readSections(bytes))
    .map(({ name }) => name)
    .filter((name) => name.startsWith("sock_") && !plainSockets.has(name));
  if (lacking.length === 0) return;
  throw new Error(
    `module imports ${lacking.join(", ")}, which wasmtime does not have`,
  );
}

const plainSockets = new Set([
  ...["sock_accept", "sock_recv", "sock_send", "sock_shutdown"],
]);

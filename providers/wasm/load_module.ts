import { messageOf } from "../../async/message_of.ts";
import { GuestFailure } from "./guest_failure.ts";
import type { GuestSpec } from "./guest_spec.ts";
import { limitMemory } from "./memory_limit.ts";
import { checkModule } from "./module_check.ts";
import { MalformedModuleError } from "./wasm_reader.ts";

/** A compiled module and how to see that it ran out of memory. */
export interface LoadedModule {
  readonly module: WebAssembly.Module;
  /** Whether the guest has hit its memory limit, to be asked when it has failed. */
  outOfMemory(instance: WebAssembly.Instance): boolean;
}

/** Reads, checks, limits and compiles a guest's module. Throws a {@linkcode GuestFailure}. */
export async function loadModule(
  { module: path, memoryLimitBytes }: GuestSpec,
): Promise<LoadedModule> {
  const bytes = await readModule(path);
  const check = checkModule(bytes);
  if (check.kind === "invalid") {
    throw new GuestFailure(
      "StartError",
      `Cannot run ${path}: ${check.message}`,
    );
  }
  if (memoryLimitBytes === undefined) {
    return { module: await compile(path, bytes), outOfMemory: () => false };
  }
  const limited = limit(path, bytes, memoryLimitBytes);
  if (limited.kind === "exceeded") {
    throw new GuestFailure(
      "OOMKilled",
      `Cannot run ${path}: ${limited.message}`,
    );
  }
  return {
    module: await compile(path, limited.bytes),
    outOfMemory(instance) {
      switch (limited.kind) {
        case "exact":
          return globalValue(instance, limited.flag) === 1;
        case "constant":
          return false;
        case "capped":
          return memoryBytes(instance) > memoryLimitBytes * nearLimit;
      }
    },
  };
}

async function readModule(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw startError(path, error);
  }
}

function limit(
  path: string,
  bytes: Uint8Array<ArrayBuffer>,
  limitBytes: number,
) {
  try {
    return limitMemory(bytes, limitBytes);
  } catch (error) {
    if (error instanceof MalformedModuleError) throw startError(path, error);
    throw error;
  }
}

async function compile(
  path: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes);
  } catch (error) {
    throw startError(path, error);
  }
}

function startError(path: string, cause: unknown): GuestFailure {
  const why = messageOf(cause);
  return new GuestFailure("StartError", `Cannot run ${path}: ${why}`, {
    cause,
  });
}

function globalValue(instance: WebAssembly.Instance, name: string): unknown {
  const exported = instance.exports[name];
  return exported instanceof WebAssembly.Global ? exported.value : undefined;
}

function memoryBytes(instance: WebAssembly.Instance): number {
  return Object.values(instance.exports)
    .map((item) =>
      item instanceof WebAssembly.Memory ? item.buffer.byteLength : 0
    )
    .reduce((sum, length) => sum + length, 0);
}

/** A guest whose grow failed is near its limit, but rarely at it: it asks for more than a page. */
const nearLimit = 0.9;

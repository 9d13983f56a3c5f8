import { GuestFailure } from "../guest_failure.ts";
import { capGrowth, limitMemory } from "../memory_limit.ts";
import { readMemories } from "../module_outline.ts";
import { readSections } from "../wasm_reader.ts";
import type { ComponentProgram } from "./link_component.ts";

/** The core modules of a component with a memory limit built into them. */
export interface LimitedModules {
  readonly limited: readonly Uint8Array<ArrayBuffer>[];
  /** Whether any of these instances of them has hit the limit. */
  outOfMemory(instances: readonly WebAssembly.Instance[]): boolean;
}

/**
 * Builds a memory limit into the core modules of a component. Where several instances of them have
 * a memory, each may grow by an equal share of what they leave at their start.
 *
 * Throws a {@linkcode GuestFailure} `OOMKilled` if they begin with more than the limit.
 */
export function limitCoreModules(
  { modules, steps }: Pick<ComponentProgram, "modules" | "steps">,
  limitBytes: number | undefined,
): LimitedModules {
  if (limitBytes === undefined) {
    return { limited: modules, outOfMemory: () => false };
  }
  const starts = modules.map(startBytes);
  const instances = steps.map(({ module }) => starts[module] ?? 0);
  const owners = instances.filter((bytes) => bytes > 0).length;
  const spare = limitBytes - instances.reduce((sum, bytes) => sum + bytes, 0);
  const share = Math.max(0, spare) / Math.max(1, owners);
  const flags = new Set<string>();
  let hasCapped = false;
  const limited = modules.map((bytes, index) => {
    const start = starts[index] ?? 0;
    if (start === 0) return bytes;
    const limit = spare < 0 ? limitBytes : start + share;
    const module = limitMemory(bytes, limit);
    switch (module.kind) {
      case "exceeded":
        throw new GuestFailure("OOMKilled", module.message);
      case "exact":
        flags.add(module.flag);
        break;
      case "capped":
      case "constant":
        // Those that import its memory may fail to grow it.
        hasCapped = true;
        break;
    }
    // Modules that import a memory grow it as well, by instructions that are left as they are.
    return capGrowth(module.bytes, limit);
  });
  if (spare < 0) {
    const message = `all memories begin with ${
      limitBytes - spare
    } bytes, the limit is ${limitBytes}`;
    throw new GuestFailure("OOMKilled", message);
  }
  return {
    limited,
    outOfMemory: (instances) =>
      instances.some(({ exports }) =>
        [...flags].some((flag) => globalValue(exports[flag]) === 1)
      ) || (hasCapped &&
        instances.some(({ exports }) =>
          memoryBytes(exports) > limitBytes * nearLimit
        )),
  };
}

function startBytes(bytes: Uint8Array): number {
  const memories = readMemories(bytes, readSections(bytes));
  return memories.reduce((sum, { min }) => sum + min * pageBytes, 0);
}

function globalValue(item: WebAssembly.ExportValue | undefined): unknown {
  return item instanceof WebAssembly.Global ? item.value : undefined;
}

function memoryBytes(exports: WebAssembly.Exports): number {
  return Object.values(exports)
    .map((item) =>
      item instanceof WebAssembly.Memory ? item.buffer.byteLength : 0
    )
    .reduce((sum, length) => sum + length, 0);
}

/** A guest whose grow failed is near its limit, but rarely at it: it asks for more than a page. */
const nearLimit = 0.9;

const pageBytes = 65536;

import type { AbortOptions } from "../../async/abort.ts";
import type { Health, NodeFacts, Provider } from "../provider.ts";
import { ProgramRuntime } from "../program_runtime.ts";
import { runProgram } from "./program.ts";

/** What a simulated node pretends to have. */
export interface MemoryProviderOptions {
  /** How many pods the node takes; 10,000 unless given. */
  readonly maxPods?: number;
}

/**
 * A node that runs nothing and says that it does: for tests, benchmarks and demonstrations.
 *
 * A container "runs" the verbs in its args (`runProgram`); images named `missing…` do not exist.
 */
export function createMemoryProvider(
  { maxPods = 10_000 }: MemoryProviderOptions = {},
): Provider & { readonly runtime: ProgramRuntime } {
  const runtime = new ProgramRuntime({
    run: runProgram,
    hasImage: (image) => !image.startsWith("missing"),
  });
  const facts: NodeFacts = {
    os: "linux",
    arch: "amd64",
    hostname: "memory",
    osImage: "simulated",
    kernelVersion: "simulated",
    runtimeVersion: "memory://1",
    machineId: "",
    bootId: "",
    cpuMillis: 1_000_000,
    memoryBytes: 1024 ** 4,
    ephemeralStorageBytes: 1024 ** 4,
    pods: maxPods,
    instanceType: "memory",
  };
  return {
    name: "memory",
    runtime,
    describeNode: (_options: AbortOptions) => Promise.resolve(facts),
    checkHealth: (_options: AbortOptions): Promise<Health> =>
      Promise.resolve({ kind: "healthy" }),
    [Symbol.asyncDispose]: () => runtime[Symbol.asyncDispose](),
  };
}

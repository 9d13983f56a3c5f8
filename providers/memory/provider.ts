import type { AbortOptions } from "../../async/abort.ts";
import type { Health, NodeFacts, NodeSample, Provider } from "../provider.ts";
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
 * What it uses is as simulated as the node is: a thousandth of a CPU and 1 MiB, always.
 */
export function createMemoryProvider(
  { maxPods = 10_000 }: MemoryProviderOptions = {},
): Provider & { readonly runtime: ProgramRuntime } {
  const runtime = new ProgramRuntime({
    run: runProgram,
    hasImage: (image) => !image.startsWith("missing"),
    usage: ({ startedAt }) => ({
      cpuNanos: cpuNanos(startedAt, new Date()),
      memoryBytes: simulatedUsage.memoryBytes,
    }),
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
  const node = new SimulatedNode(facts, runtime);
  return {
    name: "memory",
    runtime,
    describeNode: (_options: AbortOptions) => Promise.resolve(facts),
    checkHealth: (_options: AbortOptions): Promise<Health> =>
      Promise.resolve({ kind: "healthy" }),
    nodeStats: (options) => node.sample(options),
    [Symbol.asyncDispose]: () => runtime[Symbol.asyncDispose](),
  };
}

/** Adds up what the containers pretend to use, and as much again for the node itself. */
class SimulatedNode {
  readonly #facts: NodeFacts;
  readonly #runtime: ProgramRuntime;
  readonly #startedAt = new Date();
  #cpuNanos = 0;
  /** Until when the CPU time is added up. */
  #at = this.#startedAt;

  constructor(facts: NodeFacts, runtime: ProgramRuntime) {
    this.#facts = facts;
    this.#runtime = runtime;
  }

  async sample(options: AbortOptions): Promise<NodeSample> {
    const { containers = [], volumes = [] } =
      await this.#runtime.stats?.(options) ?? {};
    const at = new Date();
    const parts = containers.length + 1;
    this.#cpuNanos += cpuNanos(this.#at, at) * parts;
    this.#at = at;
    const memoryBytes = simulatedUsage.memoryBytes * parts;
    const { memoryBytes: memory, ephemeralStorageBytes } = this.#facts;
    const usedBytes = [
      ...volumes.map(({ usedBytes }) => usedBytes),
      ...containers.map(({ logBytes = 0 }) => logBytes),
    ].reduce((sum, each) => sum + each, 0);
    return {
      at,
      startedAt: this.#startedAt,
      cpuNanos: this.#cpuNanos,
      memoryBytes,
      memoryAvailableBytes: memory - memoryBytes,
      filesystem: {
        capacityBytes: ephemeralStorageBytes,
        availableBytes: ephemeralStorageBytes - usedBytes,
        usedBytes,
      },
    };
  }
}

/** Not nothing: metrics-server leaves out nodes and pods that use no CPU or memory at all. */
const simulatedUsage = { cpuMillis: 1, memoryBytes: 2 ** 20 };

function cpuNanos(from: Date, to: Date): number {
  return (to.getTime() - from.getTime()) * simulatedUsage.cpuMillis * 1_000;
}

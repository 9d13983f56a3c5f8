import type { AbortOptions } from "../../async/abort.ts";
import { localMachine } from "../local_machine.ts";
import { watchMachine } from "../machine_watch.ts";
import type { Health, Provider } from "../provider.ts";
import { columnRules, FieldFinder } from "../pod_field.ts";
import { guestTraits } from "./guest_traits.ts";
import { readNodeFacts } from "./node_facts.ts";
import { readNodeStats } from "./node_stats.ts";
import { wasmFields } from "./pod_fields.ts";
import { wasmRefusals } from "./refusals.ts";
import { WasmRuntime } from "./runtime.ts";
import type { WasmRuntimeOptions } from "./runtime_options.ts";

/** Options for {@linkcode createWasmProvider}. */
export interface WasmProviderOptions extends WasmRuntimeOptions {
  /** farlet's version, for the node's `containerRuntimeVersion`. */
  readonly version: string;
  /** 110 by default, as the kubelet. */
  readonly maxPods?: number;
  /** The wasmtime that runs the guests, by its path or by its name on the `PATH`; V8 unless given. */
  readonly wasmtime?: string;
}

/** Makes this machine a node whose containers are WASI modules. Disposing of it kills them. */
export async function createWasmProvider(
  { version, maxPods = 110, wasmtime, ...options }: WasmProviderOptions,
): Promise<Provider & { readonly runtime: WasmRuntime }> {
  const { stateDir } = options;
  const engine = await findEngine(wasmtime, options);
  const runtime = await WasmRuntime.open({ ...options, ...engine });
  const traits = guestTraits();
  // As build metadata of a semantic version.
  const full = [version, engine.engine?.label ?? []].flat().join("+");
  const ignored = new FieldFinder(columnRules(wasmFields), "ignored");
  return {
    name: "wasm",
    runtime,
    describeNode: () => readNodeFacts({ stateDir, maxPods, version: full }),
    checkHealth: () => checkHealth(stateDir),
    nodeStats: () => readNodeStats(stateDir),
    metrics: () => runtime.metrics(),
    reclaim: (options) => runtime.reclaim(options),
    refusals: (pod) => wasmRefusals(pod, traits),
    ignored: (pod) => ignored.find(pod),
    ...(Deno.build.os === "linux" && {
      watchShutdown: (options: AbortOptions) =>
        watchMachine(localMachine, options),
    }),
    [Symbol.asyncDispose]: () => runtime[Symbol.asyncDispose](),
  };
}

async function findEngine(
  program: string | undefined,
  { stateDir, env = {}, engine }: WasmRuntimeOptions,
): Promise<Pick<WasmRuntimeOptions, "engine">> {
  if (program === undefined) return engine === undefined ? {} : { engine };
  const { WasmtimeEngine } = await import("./wasmtime/wasmtime_engine.ts");
  const opened = await WasmtimeEngine.open({ program, stateDir, env });
  return { engine: opened };
}

async function checkHealth(stateDir: string): Promise<Health> {
  if (!("Suspending" in WebAssembly)) {
    return {
      kind: "unhealthy",
      reason: "EngineTooOld",
      message: "This JavaScript engine cannot suspend WebAssembly (JSPI)",
    };
  }
  try {
    await Deno.stat(stateDir);
    return { kind: "healthy" };
  } catch (error) {
    return {
      kind: "unhealthy",
      reason: "StateDirectoryLost",
      message: `Cannot use state directory "${stateDir}": ${error}`,
    };
  }
}

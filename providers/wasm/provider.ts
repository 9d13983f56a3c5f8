import type { AbortOptions } from "../../async/abort.ts";
import { localMachine } from "../local_machine.ts";
import { watchMachine } from "../machine_watch.ts";
import type { Health, Provider } from "../provider.ts";
import { columnRules, FieldFinder } from "../pod_field.ts";
import { readNodeFacts } from "./node_facts.ts";
import { readNodeStats } from "./node_stats.ts";
import { wasmFields } from "./pod_fields.ts";
import { wasmRefusals } from "./refusals.ts";
import { WasmRuntime, type WasmRuntimeOptions } from "./runtime.ts";

/** Options for {@linkcode createWasmProvider}. */
export interface WasmProviderOptions extends WasmRuntimeOptions {
  /** farlet's version, for the node's `containerRuntimeVersion`. */
  readonly version: string;
  /** 110 by default, as the kubelet. */
  readonly maxPods?: number;
}

/** Makes this machine a node whose containers are WASI modules. Disposing of it kills them. */
export async function createWasmProvider(
  { version, maxPods = 110, ...options }: WasmProviderOptions,
): Promise<Provider & { readonly runtime: WasmRuntime }> {
  const { stateDir } = options;
  const runtime = await WasmRuntime.open(options);
  const ignored = new FieldFinder(columnRules(wasmFields), "ignored");
  return {
    name: "wasm",
    runtime,
    describeNode: () => readNodeFacts({ stateDir, version, maxPods }),
    checkHealth: () => checkHealth(stateDir),
    nodeStats: () => readNodeStats(stateDir),
    reclaim: (options) => runtime.reclaim(options),
    refusals: (pod) =>
      wasmRefusals(pod, {
        uid: Deno.uid() ?? undefined,
        gid: Deno.gid() ?? undefined,
      }),
    ignored: (pod) => ignored.find(pod),
    ...(Deno.build.os === "linux" && {
      watchShutdown: (options: AbortOptions) =>
        watchMachine(localMachine, options),
    }),
    [Symbol.asyncDispose]: () => runtime[Symbol.asyncDispose](),
  };
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

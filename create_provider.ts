import type { ProviderName } from "./config_settings.ts";
import type { Provider } from "./providers/provider.ts";
import type { ContainerRuntime } from "./providers/runtime.ts";
import { version } from "./version.ts";

/** What the providers that ship with farlet are told; each uses what concerns it. */
export interface ProviderOptions {
  /** An absolute path, used by this provider alone. */
  readonly stateDir: string;
  /** Directories below which `file:` images may lie. */
  readonly allowLocalModules: readonly string[];
  /** As many as the provider says, unless given. */
  readonly maxPods?: number | undefined;
}

/** Makes a provider by its name; only the code of that one is loaded. */
export async function createProvider(
  name: ProviderName,
  { stateDir, allowLocalModules, maxPods }: ProviderOptions,
): Promise<Provider & { readonly runtime: ContainerRuntime }> {
  const limit = maxPods === undefined ? {} : { maxPods };
  switch (name) {
    case "memory": {
      const memory = await import("./providers/memory/provider.ts");
      return memory.createMemoryProvider(limit);
    }
    case "wasm": {
      const wasm = await import("./providers/wasm/provider.ts");
      const options = { stateDir, allowLocalModules, version, ...limit };
      return await wasm.createWasmProvider(options);
    }
  }
}

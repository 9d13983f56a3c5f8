import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { messageOf } from "../../../async/message_of.ts";
import { GuestFailure } from "../guest_failure.ts";
import { promising } from "../jspi.ts";
import { limitCoreModules } from "./core_memory.ts";
import { bindingsFile, entryInterface } from "./transpile.ts";

/** What a component imports, by interface and by name. */
export type ComponentImports = Readonly<
  Record<string, Readonly<Record<string, unknown>>>
>;

/** What an instance exports, by interface. */
export type ComponentExports = Readonly<
  Record<string, Readonly<Record<string, unknown>> | undefined>
>;

/** One instance of a component. */
export interface ComponentInstance {
  readonly exports: ComponentExports;
  /** Rejects when a call traps, which the call itself may not tell; never resolves. */
  readonly trapped: Promise<never>;
}

/** A component that is ready to be instantiated. */
export interface LoadedComponent {
  /** Makes a new instance, with memory of its own. */
  instantiate(imports: ComponentImports): Promise<ComponentInstance>;
  /** Whether the instances have hit their memory limit, to be asked when one has failed. */
  outOfMemory(): boolean;
}

interface Bindings {
  readonly instantiate: (
    getCoreModule: (name: string) => WebAssembly.Module | undefined,
    imports: ComponentImports,
    instantiateCore: (
      module: WebAssembly.Module,
      imports?: WebAssembly.Imports,
    ) => Promise<WebAssembly.Instance>,
  ) => Promise<ComponentExports>;
}

/** Loads what `transpile` wrote; throws a {@linkcode GuestFailure}. */
export async function loadComponent(
  directory: string,
  memoryLimitBytes: number | undefined,
): Promise<LoadedComponent> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(directory));
    const names = entries.map(({ name }) => name)
      .filter((name) => name.endsWith(".wasm"));
    const files = await Promise.all(
      names.map((name) => Deno.readFile(join(directory, name))),
    );
    const { limited, outOfMemory } = limitCoreModules(files, memoryLimitBytes);
    const compiled = await Promise.all(
      limited.map((bytes) => WebAssembly.compile(bytes)),
    );
    const modules = new Map(
      names.map((name, index) => [name, compiled[index]]),
    );
    const url = pathToFileURL(join(directory, bindingsFile)).href;
    const bindings: Bindings = await import(url);
    let instances: WeakRef<WebAssembly.Instance>[] = [];
    return {
      instantiate: async (imports) => {
        const { promise: trapped, reject } = Promise.withResolvers<never>();
        // Nobody need listen.
        trapped.catch(() => undefined);
        // Those of a server's earlier requests are gone by and by.
        instances = instances.filter((each) => each.deref() !== undefined);
        const exports = await bindings.instantiate(
          (name) => modules.get(name),
          { ...imports, [entryInterface]: { promising: watched(reject) } },
          async (module, imports) => {
            const instance = await WebAssembly.instantiate(module, imports);
            instances.push(new WeakRef(instance));
            return instance;
          },
        );
        return { exports, trapped };
      },
      outOfMemory: () =>
        outOfMemory(
          instances.map((each) => each.deref())
            .filter((each) => each !== undefined),
        ),
    };
  } catch (error) {
    if (error instanceof GuestFailure) throw error;
    throw new GuestFailure(
      "StartError",
      `Cannot load the component: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** A `WebAssembly.promising` that tells of traps. */
function watched(trapped: (error: unknown) => void) {
  return (exported: WebAssembly.ExportValue) => {
    const call = promising(exported);
    return async (...args: readonly unknown[]) => {
      try {
        return await call(...args);
      } catch (error) {
        trapped(error);
        throw error;
      }
    };
  };
}

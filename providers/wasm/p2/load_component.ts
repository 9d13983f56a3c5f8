import { messageOf } from "../../../async/message_of.ts";
import { GuestFailure } from "../guest_failure.ts";
import { type ComponentCode, ComponentInstance } from "./component_instance.ts";
import { readComponentBody } from "./component_reader.ts";
import { limitCoreModules } from "./core_memory.ts";
import type { ComponentImports } from "./host_functions.ts";
import { type ComponentProgram, linkComponent } from "./link_component.ts";

/** A component that is ready to be instantiated. */
export interface LoadedComponent {
  readonly exports: ComponentProgram["exports"];
  /** Makes a new instance, with memory of its own. */
  instantiate(): ComponentInstance;
  /** Whether an instance has hit its memory limit, to be asked when it has failed. */
  outOfMemory(instance: ComponentInstance): boolean;
}

/** Loads a component from a file; throws a {@linkcode GuestFailure}. */
export async function loadComponent(
  path: string,
  imports: ComponentImports,
  memoryLimitBytes: number | undefined,
): Promise<LoadedComponent> {
  try {
    const program = linkComponent(readComponentBody(await Deno.readFile(path)));
    const { limited, outOfMemory } = limitCoreModules(
      program,
      memoryLimitBytes,
    );
    const modules = await Promise.all(
      limited.map((bytes) => WebAssembly.compile(bytes)),
    );
    const code: ComponentCode = {
      ...{ program, modules, imports },
      shapes: new Map(),
      hosts: new Map(),
    };
    return {
      exports: program.exports,
      instantiate: () => new ComponentInstance(code),
      outOfMemory: ({ cores }) => outOfMemory(cores),
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

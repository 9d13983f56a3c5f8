import type { AbortOptions } from "../async/abort.ts";
import type { Pod } from "../k8s/types.ts";
import type { ContainerRuntime } from "../providers/runtime.ts";
import type { ObjectSource } from "./objects.ts";

/**
 * Fails unless the runtime has what the pod's RuntimeClass stands for, with the words of container
 * runtimes. A runtime that does not tell what it has takes every pod.
 */
export async function checkRuntimeHandler(
  { runtime, objects }: {
    readonly runtime: Pick<ContainerRuntime, "handlers">;
    readonly objects: Pick<ObjectSource, "runtimeHandler">;
  },
  { spec }: Pod,
  options: AbortOptions,
): Promise<void> {
  const { runtimeClassName = "" } = spec ?? {};
  const { handlers } = runtime;
  if (runtimeClassName === "" || handlers === undefined) return;
  if (objects.runtimeHandler === undefined) return;
  const handler = await objects.runtimeHandler(runtimeClassName, options);
  if (handler === undefined) {
    throw new Error(
      `runtimeclass.node.k8s.io "${runtimeClassName}" not found`,
    );
  }
  if (handler === "" || handlers.includes(handler)) return;
  throw new Error(`RuntimeHandler "${handler}" not supported`);
}

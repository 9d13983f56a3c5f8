import { untilAborted } from "../async/abort.ts";
import type { Program } from "../providers/program_host.ts";
import type { ContainerRuntime } from "../providers/runtime.ts";
import { PodEngine } from "./engine.ts";
import { FileObjects } from "./file_objects.ts";
import type { EngineContext } from "./pod_actions.ts";

/** Runs until it is asked to end. */
export const untilStopped: Program = async ({ signal }) => {
  await untilAborted(signal);
  return 0;
};

/** An engine on a node that has nothing of its own, but for what `context` says. */
export function testEngine(
  runtime: ContainerRuntime,
  context: Partial<EngineContext> = {},
): PodEngine {
  return new PodEngine({
    runtime,
    runtimeName: "test",
    objects: new FileObjects({ configMaps: [], secrets: [] }),
    events: { record() {} },
    node: () => ({ ips: ["192.0.2.1"], allocatable: {} }),
    refusals: () => [],
    ...context,
  });
}

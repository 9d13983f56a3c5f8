import type { AbortOptions } from "../async/abort.ts";
import type {
  ContainerRuntime,
  ObservedContainer,
  ObservedPod,
} from "../providers/runtime.ts";
import type { DesiredPod } from "./pod_spec.ts";

/** The kubelet's limits for a message taken from the log. */
const logLines = 80;
const logBytes = 2048;

/**
 * Gives failed containers that wrote no termination message the end of their log as one, where
 * `terminationMessagePolicy` is `FallbackToLogsOnError`.
 *
 * @param messages What was read before, by the run's ID; a run's log is read once.
 */
export async function withLogMessages(
  observed: ObservedPod,
  { desired, runtime, messages, signal }: AbortOptions & {
    readonly desired: DesiredPod;
    readonly runtime: Pick<ContainerRuntime, "readLogs">;
    readonly messages: Map<string, string>;
  },
): Promise<ObservedPod> {
  const wanting = new Set(
    [...desired.initContainers, ...desired.containers]
      .filter(({ spec }) =>
        spec.terminationMessagePolicy === "FallbackToLogsOnError"
      ).map(({ name }) => name),
  );
  if (wanting.size === 0) return observed;
  const containers = await Promise.all(
    observed.containers.map(async (container) => {
      if (!wanting.has(container.name) || !failedSilently(container)) {
        return container;
      }
      const message = messages.get(container.id) ??
        await endOfLog(container.name);
      messages.set(container.id, message);
      return withMessage(container, message);
    }),
  );
  return { ...observed, containers };

  async function endOfLog(container: string): Promise<string> {
    const log = runtime.readLogs({ podUid: observed.uid, container }, {
      follow: false,
      previous: false,
      timestamps: false,
      tailLines: logLines,
      signal,
    });
    try {
      return (await new Response(log).text()).slice(-logBytes);
    } catch (error) {
      // A run that the runtime has forgotten has no log either.
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  }
}

function failedSilently({ state }: ObservedContainer): boolean {
  return state.kind === "terminated" && state.exit.code !== 0 &&
    !state.exit.message;
}

function withMessage(
  container: ObservedContainer,
  message: string,
): ObservedContainer {
  if (container.state.kind === "running" || message === "") return container;
  const exit = { ...container.state.exit, message };
  return { ...container, state: { kind: "terminated", exit } };
}

import type { AbortOptions } from "../async/abort.ts";
import type {
  ContainerState,
  ContainerStatus,
  PodStatus,
} from "../k8s/types.ts";
import type {
  ContainerRuntime,
  ObservedContainer,
  ObservedPod,
} from "../providers/runtime.ts";
import type { DesiredContainer, DesiredPod } from "./pod_spec.ts";

/** The kubelet's limits for a message taken from the log. */
const logLines = 80;
const logBytes = 2048;
/** The kubelet's limit for the messages of all containers of a pod. */
const podBytes = 12 * 1024;

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
    allContainers(desired)
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
      return lastBytes(await new Response(log).bytes(), logBytes);
    } catch (error) {
      // A run that the runtime has forgotten has no log either.
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  }
}

/** The status with the messages of its containers cut so that all fit into the kubelet's 12 KiB. */
export function withShortMessages(
  status: PodStatus,
  desired: DesiredPod,
): PodStatus {
  const limit = Math.floor(
    podBytes / Math.max(1, allContainers(desired).length),
  );
  const shorten = (statuses: readonly ContainerStatus[]) =>
    statuses.map((each) => ({
      ...each,
      ...(each.state && { state: withShortMessage(each.state, limit) }),
      ...(each.lastState &&
        { lastState: withShortMessage(each.lastState, limit) }),
    }));
  const { initContainerStatuses, containerStatuses } = status;
  const { ephemeralContainerStatuses } = status;
  return {
    ...status,
    ...(initContainerStatuses &&
      { initContainerStatuses: shorten(initContainerStatuses) }),
    ...(containerStatuses && { containerStatuses: shorten(containerStatuses) }),
    ...(ephemeralContainerStatuses &&
      { ephemeralContainerStatuses: shorten(ephemeralContainerStatuses) }),
  };
}

function withShortMessage(
  state: ContainerState,
  limit: number,
): ContainerState {
  const { terminated } = state;
  if (terminated?.message === undefined) return state;
  const message = firstBytes(terminated.message, limit);
  return { ...state, terminated: { ...terminated, message } };
}

function allContainers(
  { initContainers, containers, ephemeralContainers }: DesiredPod,
): readonly DesiredContainer[] {
  return [...initContainers, ...containers, ...ephemeralContainers];
}

/** The end of a text, from where a character begins on. */
function lastBytes(bytes: Uint8Array, limit: number): string {
  let from = Math.max(0, bytes.length - limit);
  while (from > 0 && isContinuation(bytes[from])) from++;
  return new TextDecoder().decode(bytes.subarray(from));
}

/** The beginning of a text, up to where a character ends. */
function firstBytes(text: string, limit: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= limit) return text;
  let to = limit;
  while (to > 0 && isContinuation(bytes[to])) to--;
  return new TextDecoder().decode(bytes.subarray(0, to));
}

/** Whether a byte of UTF-8 goes on with a character. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
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

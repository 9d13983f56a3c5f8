import { apiTime } from "../k8s/time.ts";
import type {
  ContainerState,
  ContainerStatus,
  PodStatus,
} from "../k8s/types.ts";
import type {
  Exit,
  ObservedContainer,
  ObservedPod,
} from "../providers/runtime.ts";
import {
  disruptionVerdicts,
  podConditions,
  withTransitionTimes,
} from "./conditions.ts";
import { healthOf } from "./health.ts";
import type { PodMemory } from "./memory.ts";
import { optional } from "./optional.ts";
import { type PodPhase, podPhase, stoppedPhase } from "./phase.ts";
import { find, type InitProgress } from "./init_progress.ts";
import type { PodPlan, Waiting } from "./plan.ts";
import type { DesiredContainer, DesiredPod } from "./pod_spec.ts";
import { resetProgress, withoutReset } from "./restart_all.ts";
import { sandboxProgress } from "./sandbox_runs.ts";
import { withShortMessages } from "./termination_message.ts";

/** What {@linkcode podStatus} is made from. */
export interface StatusInput {
  readonly desired: DesiredPod;
  readonly observed: ObservedPod;
  readonly plan: PodPlan;
  readonly memory: PodMemory;
  /** What was made last, or what the API has: for times that must not change. */
  readonly before: PodStatus | undefined;
  /** The node's addresses; the pod's too where it has none of its own. */
  readonly nodeIps: readonly string[];
  /** The scheme of container IDs, such as `wasm`. */
  readonly runtimeName: string;
  /** Whether the pod was deleted and nothing of it runs any more. */
  readonly stopped: boolean;
}

/** The status to publish. Pure; holds nothing that the API server owns (`qosClass`, …). */
export function podStatus(input: StatusInput, now: Date): PodStatus {
  const { desired, observed, plan, memory, before, nodeIps } = input;
  const init = sandboxProgress(desired, observed, memory);
  const phase = statusPhase(input, init);
  const ended = phase === "Succeeded" || phase === "Failed";
  const statuses = (containers: readonly DesiredContainer[]) =>
    containers.map((container) => containerStatus(container, input));
  const initStatuses = statuses(desired.initContainers);
  const containerStatuses = statuses(desired.containers);
  const ephemeralStatuses = statuses(desired.ephemeralContainers);
  const isSidecar = (_: ContainerStatus, index: number) =>
    desired.initContainers[index]?.kind === "sidecar";
  const reset = resetProgress(desired, observed, memory);
  const { generation } = desired.pod.metadata ?? {};
  const verdicts = podConditions({
    pod: desired.pod,
    phase,
    sandboxReady: observed.sandbox === "ready" && !ended,
    // Once it was, it stays so while all containers are started anew.
    initialized: init.kind === "done" ||
      ((reset === "ending" || reset === "starting") && wasInitialized(before)),
    reset,
    initStatuses: initStatuses.filter((status, i) => !isSidecar(status, i)),
    sidecarStatuses: initStatuses.filter(isSidecar),
    containerStatuses,
  });
  const failure = phase === "Failed"
    ? plan.failure ?? keptFailure(before)
    : undefined;
  return withShortMessages({
    ...optional("observedGeneration", generation),
    phase,
    conditions: withTransitionTimes(
      [...verdicts, ...disruptionVerdicts(plan.failure)]
        .map((verdict) => ({
          ...verdict,
          ...optional("observedGeneration", generation),
        })),
      before,
      now,
    ),
    ...(failure && { reason: failure.reason, message: failure.message }),
    ...addresses("hostIP", "hostIPs", nodeIps),
    ...addresses("podIP", "podIPs", podIps(input)),
    startTime: before?.startTime ?? apiTime(memory.startedAt),
    ...(initStatuses.length === 0
      ? {}
      : { initContainerStatuses: initStatuses }),
    containerStatuses,
    ...(ephemeralStatuses.length === 0
      ? {}
      : { ephemeralContainerStatuses: ephemeralStatuses }),
  }, desired);
}

function statusPhase(
  { desired, observed, plan, memory, before, stopped }: StatusInput,
  init: InitProgress,
): PodPhase {
  const published = desired.pod.status?.phase;
  // Terminal is terminal.
  if (published === "Succeeded" || published === "Failed") return published;
  // As the kubelet: what still runs keeps its place, whoever ends it.
  const runs = observed.containers.some(({ state }) =>
    state.kind === "running"
  );
  if (plan.failure && !runs) return "Failed";
  if (stopped) return stoppedPhase(desired, observed);
  const counts = withoutReset(desired, observed, memory);
  const phase = podPhase(desired, counts, init, memory);
  const ran = published === "Running" || before?.phase === "Running";
  const isLater = phase === "Pending" || plan.failure !== undefined;
  return isLater && ran ? "Running" : phase;
}

/** The pod's addresses; those of a pod whose sandbox does not work any more are the last known. */
function podIps(
  { desired, observed, before, nodeIps }: StatusInput,
): readonly string[] {
  if (observed.sandbox !== "ready" && !desired.pod.spec?.hostNetwork) {
    return (before?.podIPs ?? []).flatMap(({ ip }) => ip ?? []);
  }
  return observed.ips.length > 0 ? observed.ips : nodeIps;
}

function wasInitialized(before: PodStatus | undefined): boolean {
  return before?.conditions?.some(({ type, status }) =>
    type === "Initialized" && status === "True"
  ) === true;
}

function keptFailure(
  before: PodStatus | undefined,
): { reason: string; message: string } | undefined {
  if (before?.reason === undefined) return undefined;
  return { reason: before.reason, message: before.message ?? "" };
}

function addresses<One extends string, Many extends string>(
  one: One,
  many: Many,
  ips: readonly string[],
): Record<string, unknown> {
  const [first] = ips;
  if (first === undefined) return {};
  return { [one]: first, [many]: ips.map((ip) => ({ ip })) };
}

function containerStatus(
  container: DesiredContainer,
  input: StatusInput,
): ContainerStatus {
  const { kind, name, image } = container;
  const { desired, observed, plan, memory, stopped, runtimeName } = input;
  const seen = find(observed, name);
  const waiting = plan.waiting.get(name);
  if (seen === undefined) {
    const hasInit = desired.initContainers.length > 0;
    const reason = hasInit ? "PodInitializing" : "ContainerCreating";
    const state = stopped
      ? lostBeforeStart
      : { waiting: notStarted(waiting ?? { reason }) };
    return {
      name,
      image,
      imageID: "",
      ready: false,
      started: false,
      restartCount: 0,
      state,
      lastState: {},
    };
  }
  const running = seen.state.kind === "running";
  const succeeded = seen.state.kind === "terminated" &&
    seen.state.exit.code === 0;
  const { started, ready } = healthOf(container, seen, memory.health);
  return {
    name,
    image: running ? seen.image : image,
    imageID: seen.imageId,
    containerID: `${runtimeName}://${seen.id}`,
    ready: kind === "init"
      ? succeeded && waiting === undefined
      : kind !== "ephemeral" && running && ready,
    started: running && started,
    restartCount: seen.attempt,
    ...states(seen, waiting, runtimeName),
  };
}

function states(
  { id, state, lastExit }: ObservedContainer,
  waiting: Waiting | undefined,
  runtimeName: string,
): { state: ContainerState; lastState: ContainerState } {
  const last = lastExit
    ? terminated(lastExit, `${runtimeName}://${lastExit.id}`)
    : {};
  if (state.kind === "running") {
    const startedAt = apiTime(state.startedAt);
    return { state: { running: { startedAt } }, lastState: last };
  }
  const ended = terminated(state.exit, `${runtimeName}://${id}`);
  return waiting === undefined
    ? { state: ended, lastState: last }
    : { state: { waiting: notStarted(waiting) }, lastState: ended };
}

function terminated(exit: Exit, containerID: string): ContainerState {
  return {
    terminated: {
      exitCode: exit.code,
      ...(exit.signal === undefined ? {} : { signal: exit.signal }),
      reason: exit.reason,
      ...(exit.message === undefined ? {} : { message: exit.message }),
      startedAt: apiTime(exit.startedAt),
      finishedAt: apiTime(exit.finishedAt),
      containerID,
    },
  };
}

function notStarted(
  { reason, message }: Waiting,
): { reason: string; message?: string } {
  return message === undefined ? { reason } : { reason, message };
}

/** As the kubelet says of a container that never was when its pod ended (`TerminatePod`). */
const lostBeforeStart: ContainerState = {
  terminated: {
    exitCode: 137,
    reason: "ContainerStatusUnknown",
    message: "The container could not be located when the pod was terminated",
  },
};

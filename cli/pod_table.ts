import type {
  Container,
  ContainerState,
  ContainerStatus,
  Pod,
  PodStatus,
} from "../k8s/types.ts";
import { age } from "./human_time.ts";
import type { TableKind } from "./table.ts";

/** The columns of `kubectl get pods`. */
export const podTable: TableKind<Pod> = {
  headers: ["NAME", "READY", "STATUS", "RESTARTS", "AGE"],
  row(pod, now) {
    const { ready, total, reason, restarts, lastRestartAt } = summary(pod);
    const ago = restarts > 0 && lastRestartAt !== undefined
      ? ` (${age(lastRestartAt, now)} ago)`
      : "";
    return [
      pod.metadata?.name ?? "",
      `${ready}/${total}`,
      reason,
      `${restarts}${ago}`,
      age(pod.metadata?.creationTimestamp, now),
    ];
  },
};

/** The columns of `kubectl get pods -o wide`. */
export const widePodTable: TableKind<Pod> = {
  headers: [
    ...podTable.headers,
    "IP",
    "NODE",
    "NOMINATED NODE",
    "READINESS GATES",
  ],
  row(pod, now) {
    const { spec, status } = pod;
    return [
      ...podTable.row(pod, now),
      status?.podIPs?.[0]?.ip || "<none>",
      spec?.nodeName || "<none>",
      status?.nominatedNodeName || "<none>",
      readinessGates(pod),
    ];
  },
};

interface Summary {
  readonly ready: number;
  readonly total: number;
  /** The word below STATUS. */
  readonly reason: string;
  readonly restarts: number;
  /** When the container that was restarted last had ended. */
  readonly lastRestartAt: string | undefined;
}

/** As `printPod` of kube-apiserver's `pkg/printers/internalversion/printers.go` sums a pod up. */
function summary(pod: Pod): Summary {
  const { spec, status } = pod;
  const inits = spec?.initContainers ?? [];
  const sidecars = inits.filter(isSidecar);
  const total = (spec?.containers.length ?? 0) + sidecars.length;
  const initStatuses = status?.initContainerStatuses ?? [];
  const init = initialization(initStatuses, inits);
  const initialized = conditionIs(status, "Initialized", "True");
  const main = init.reason === undefined || initialized;
  const sidecarNames = new Set(sidecars.map(({ name }) => name));
  const statuses = status?.containerStatuses ?? [];
  const counted = main
    ? [
      ...initStatuses.filter(({ name }) => sidecarNames.has(name)),
      ...statuses,
    ]
    : initStatuses;
  const words = init.reason ?? status?.phase ?? "";
  const reason = main
    ? mainReason(pod, statuses, init.reason ?? firstReason(status))
    : words;
  return {
    total,
    ready: init.readySidecars + (main ? statuses.filter(isReady).length : 0),
    reason: deletedReason(pod, reason),
    restarts: counted.reduce((sum, { restartCount }) => sum + restartCount, 0),
    lastRestartAt: counted.map(({ lastState }) =>
      lastState?.terminated?.finishedAt
    ).filter((time) => time !== undefined).toSorted().at(-1),
  };
}

/** What holds a pod up before its containers start; no reason when nothing does. */
function initialization(
  statuses: readonly ContainerStatus[],
  containers: readonly Container[],
): { readonly reason?: string; readonly readySidecars: number } {
  let readySidecars = 0;
  for (const [index, { name, state, started, ready }] of statuses.entries()) {
    if (state?.terminated?.exitCode === 0) continue;
    const container = containers.find((container) => container.name === name);
    if (container && isSidecar(container) && started) {
      if (ready) readySidecars++;
      continue;
    }
    const reason = `Init:${initReason(state, index, containers.length)}`;
    return { reason, readySidecars };
  }
  return { readySidecars };
}

function initReason(
  state: ContainerState | undefined,
  index: number,
  count: number,
): string {
  if (state?.terminated) return endReason(state.terminated);
  const waiting = state?.waiting?.reason;
  return waiting && waiting !== "PodInitializing"
    ? waiting
    : `${index}/${count}`;
}

function firstReason(status: PodStatus | undefined): string {
  const gated = status?.conditions?.some(({ type, reason }) =>
    type === "PodScheduled" && reason === "SchedulingGated"
  );
  if (gated) return "SchedulingGated";
  return status?.reason || status?.phase || "";
}

/** Of the first container that does not simply run; a pod with both kinds runs. */
function mainReason(
  { status }: Pod,
  statuses: readonly ContainerStatus[],
  otherwise: string,
): string {
  const told = statuses.map(({ state }) => {
    if (state?.waiting?.reason) return state.waiting.reason;
    return state?.terminated ? endReason(state.terminated) : undefined;
  }).find((reason) => reason !== undefined);
  const reason = told ?? otherwise;
  if (reason !== "Completed" || !statuses.some(isReady)) return reason;
  return conditionIs(status, "Ready", "True") ? "Running" : "NotReady";
}

function endReason(
  { reason, signal, exitCode }: NonNullable<ContainerState["terminated"]>,
): string {
  if (reason) return reason;
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`;
}

function deletedReason({ metadata, status }: Pod, reason: string): string {
  if (metadata?.deletionTimestamp === undefined) return reason;
  if (status?.reason === "NodeLost") return "Unknown";
  const ended = status?.phase === "Succeeded" || status?.phase === "Failed";
  return ended ? reason : "Terminating";
}

function readinessGates({ spec, status }: Pod): string {
  const gates = spec?.readinessGates ?? [];
  if (gates.length === 0) return "<none>";
  const open = gates.filter(({ conditionType }) =>
    conditionIs(status, conditionType, "True")
  );
  return `${open.length}/${gates.length}`;
}

function isReady({ ready, state }: ContainerStatus): boolean {
  return ready && state?.running !== undefined;
}

function isSidecar({ restartPolicy }: Container): boolean {
  return restartPolicy === "Always";
}

function conditionIs(
  status: PodStatus | undefined,
  type: string,
  value: string,
): boolean {
  return status?.conditions?.some((condition) =>
    condition.type === type && condition.status === value
  ) ?? false;
}

import { isDeepStrictEqual } from "node:util";
import { apiTime } from "../k8s/time.ts";
import type {
  ContainerStatus,
  Pod,
  PodCondition,
  PodStatus,
} from "../k8s/types.ts";
import type { PodPhase } from "./phase.ts";
import type { PodFailure } from "./plan.ts";
import type { ResetProgress } from "./restart_all.ts";

/** What {@linkcode podConditions} looks at. */
export interface ConditionInput {
  readonly pod: Pod;
  readonly phase: PodPhase;
  readonly sandboxReady: boolean;
  readonly initialized: boolean;
  readonly reset: ResetProgress;
  /** Of plain init containers. */
  readonly initStatuses: readonly ContainerStatus[];
  readonly sidecarStatuses: readonly ContainerStatus[];
  readonly containerStatuses: readonly ContainerStatus[];
}

/** A condition without its times: those depend on what was published before. */
type Verdict = Pick<PodCondition, "type" | "status" | "reason" | "message">;

/** The conditions that the kubelet sets; those that others set are not among them. */
export function podConditions(input: ConditionInput): readonly Verdict[] {
  const containersReady = containersReadyVerdict(input);
  return [
    {
      type: "PodReadyToStartContainers",
      status: input.sandboxReady ? "True" : "False",
    },
    initializedVerdict(input),
    { ...readyVerdict(input, containersReady), type: "Ready" },
    { ...containersReady, type: "ContainersReady" },
    { type: "PodScheduled", status: "True" },
    ...resetVerdicts(input),
  ];
}

/** What is said of a pod that the node ends for its own sake (KEP-3329). */
export function disruptionVerdicts(
  failure: Pick<PodFailure, "disruption"> | undefined,
): readonly Verdict[] {
  if (failure?.disruption === undefined) return [];
  return [{
    type: "DisruptionTarget",
    status: "True",
    reason: "TerminationByKubelet",
    message: failure.disruption,
  }];
}

/**
 * Gives each verdict its transition time: the one that was published, if the status is the same,
 * else `now`.
 */
export function withTransitionTimes(
  verdicts: readonly Verdict[],
  published: PodStatus | undefined,
  now: Date,
): PodCondition[] {
  return verdicts.map((verdict) => {
    const before = published?.conditions?.find(({ type }) =>
      type === verdict.type
    );
    const same = before?.status === verdict.status;
    const lastTransitionTime = same ? before.lastTransitionTime : undefined;
    return {
      ...verdict,
      lastTransitionTime: lastTransitionTime ?? apiTime(now),
    };
  });
}

/** Whether two conditions say the same, whatever their times. */
export function sameVerdict(a: PodCondition, b: PodCondition): boolean {
  const verdict = ({ type, status, reason, message }: PodCondition) => [
    type,
    status,
    reason ?? "",
    message ?? "",
  ];
  return isDeepStrictEqual(verdict(a), verdict(b));
}

function initializedVerdict(
  { phase, initialized, initStatuses, sidecarStatuses }: ConditionInput,
): Verdict {
  const type = "Initialized";
  if (!initialized) {
    const names = [
      ...initStatuses.filter(({ ready }) => !ready),
      ...sidecarStatuses.filter(({ started }) => !started),
    ];
    return {
      type,
      status: "False",
      reason: "ContainersNotInitialized",
      message: `containers with incomplete status: ${list(names)}`,
    };
  }
  return phase === "Succeeded"
    ? { type, status: "True", reason: "PodCompleted" }
    : { type, status: "True" };
}

function containersReadyVerdict(
  { phase, sidecarStatuses, containerStatuses }: ConditionInput,
): Verdict {
  const type = "ContainersReady";
  if (phase === "Succeeded") {
    return { type, status: "False", reason: "PodCompleted" };
  }
  if (phase === "Failed") return { type, status: "False", reason: "PodFailed" };
  const unready = [...sidecarStatuses, ...containerStatuses]
    .filter(({ ready }) => !ready);
  if (unready.length === 0) return { type, status: "True" };
  return {
    type,
    status: "False",
    reason: "ContainersNotReady",
    message: `containers with unready status: ${list(unready)}`,
  };
}

/** Only pods that can be started anew as a whole have it. */
function resetVerdicts({ phase, reset }: ConditionInput): readonly Verdict[] {
  const type = "AllContainersRestarting";
  if (reset === "never") return [];
  if (phase === "Succeeded") {
    return [{ type, status: "False", reason: "PodCompleted" }];
  }
  if (phase === "Failed") {
    return [{ type, status: "False", reason: "PodFailed" }];
  }
  if (reset !== "ending") return [{ type, status: "False" }];
  return [{
    type,
    status: "True",
    reason: "RestartAllContainersStarted",
    message: "container exited with restart policy rule",
  }];
}

function readyVerdict(
  { pod }: ConditionInput,
  containersReady: Verdict,
): Verdict {
  if (containersReady.status !== "True") return containersReady;
  const closed = (pod.spec?.readinessGates ?? []).filter(({ conditionType }) =>
    !pod.status?.conditions?.some(({ type, status }) =>
      type === conditionType && status === "True"
    )
  );
  if (closed.length === 0) return containersReady;
  return {
    type: "Ready",
    status: "False",
    reason: "ReadinessGatesNotReady",
    message: closed.map(({ conditionType }) =>
      `corresponding condition of pod readiness gate "${conditionType}" does not exist or is not True.`
    ).join(", "),
  };
}

function list(statuses: readonly ContainerStatus[]): string {
  return `[${statuses.map(({ name }) => name).join(" ")}]`;
}

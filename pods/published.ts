import type { ContainerStatus, PodStatus } from "../k8s/types.ts";
import type {
  Exit,
  ObservedContainer,
  ObservedPod,
} from "../providers/runtime.ts";

/**
 * Adds the runs that the published status knows and the runtime has lost, as ended.
 *
 * A runtime may forget (its host was reinstalled, it keeps nothing on disk); what was published is
 * then the only record that a container has run. So no finished container runs twice, and restart
 * counts go on. A run that was published as running is one that nobody saw end.
 */
export function withPublished(
  observed: ObservedPod,
  published: PodStatus | undefined,
  now: Date,
): ObservedPod {
  const lost = [
    ...published?.initContainerStatuses ?? [],
    ...published?.containerStatuses ?? [],
  ].filter(({ name }) => !observed.containers.some((c) => c.name === name))
    .flatMap((status) => lostRun(status, now));
  if (lost.length === 0) return observed;
  return { ...observed, containers: [...observed.containers, ...lost] };
}

function lostRun(
  { name, image, imageID, restartCount, state, lastState, containerID }:
    ContainerStatus,
  now: Date,
): ObservedContainer[] {
  const ended = state?.terminated ??
    (state?.waiting ? lastState?.terminated : undefined);
  const id = (ended?.containerID ?? containerID)?.replace(/^.*:\/\//, "");
  if (id === undefined || id === "") return [];
  const exit = ended === undefined
    ? lostExit(state?.running?.startedAt, now)
    : {
      code: ended.exitCode,
      ...(ended.signal === undefined ? {} : { signal: ended.signal }),
      reason: exitReason(ended.reason, ended.exitCode),
      ...(ended.message === undefined ? {} : { message: ended.message }),
      startedAt: date(ended.startedAt, now),
      finishedAt: date(ended.finishedAt, now),
    };
  return [{
    name,
    attempt: restartCount,
    id,
    image,
    imageId: imageID,
    state: { kind: "terminated", exit },
  }];
}

function lostExit(startedAt: string | undefined, now: Date): Exit {
  return {
    code: 137,
    reason: "ContainerStatusUnknown",
    message: "The container could not be located on the node",
    startedAt: date(startedAt, now),
    finishedAt: now,
  };
}

function exitReason(
  reason: string | undefined,
  code: number,
): Exit["reason"] {
  switch (reason) {
    case "Completed":
    case "Error":
    case "OOMKilled":
    case "StartError":
    case "ContainerStatusUnknown":
      return reason;
    default:
      return code === 0 ? "Completed" : "Error";
  }
}

function date(text: string | undefined, fallback: Date): Date {
  return text === undefined ? fallback : new Date(text);
}

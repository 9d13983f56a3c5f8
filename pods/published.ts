import type { ContainerStatus, PodStatus } from "../k8s/types.ts";
import type {
  Exit,
  ObservedContainer,
  ObservedPod,
} from "../providers/runtime.ts";
import { optional } from "./optional.ts";

/**
 * Adds what the published status knows and the runtime has lost: runs, as ended, and how the runs
 * before the newest ended.
 *
 * A runtime may forget (its host was reinstalled, it keeps nothing on disk, dead containers were
 * cleared away); what was published is then the only record that a container has run. So no
 * finished container runs twice, and restart counts go on. A run that was published as running is
 * one that nobody saw end.
 */
export function withPublished(
  observed: ObservedPod,
  published: PodStatus | undefined,
  now: Date,
): ObservedPod {
  const statuses = [
    ...published?.initContainerStatuses ?? [],
    ...published?.containerStatuses ?? [],
    ...published?.ephemeralContainerStatuses ?? [],
  ];
  const known = observed.containers.map((container) => {
    const status = statuses.find(({ name }) => name === container.name);
    return laterRun(container, status, now) ??
      withLastExit(container, status, now);
  });
  const lost = statuses
    .filter(({ name }) => !observed.containers.some((c) => c.name === name))
    .flatMap((status) => lostRun(status, now));
  const isSame = lost.length === 0 &&
    known.every((container, i) => container === observed.containers[i]);
  return isSame ? observed : { ...observed, containers: [...known, ...lost] };
}

/** The published run, where the runtime has but an earlier one: somebody removed the newest. */
function laterRun(
  { attempt, state }: ObservedContainer,
  status: ContainerStatus | undefined,
  now: Date,
): ObservedContainer | undefined {
  if (state.kind === "running") return undefined;
  if (status === undefined || status.restartCount <= attempt) return undefined;
  return lostRun(status, now)[0];
}

/** A run with the end of the one before it, where only the published status has that. */
function withLastExit(
  container: ObservedContainer,
  status: ContainerStatus | undefined,
  now: Date,
): ObservedContainer {
  const { attempt, id, lastExit } = container;
  if (lastExit || status === undefined) return container;
  // Of a container that waits, the last state is that of its newest run.
  const isOfRun = status.restartCount === attempt && !status.state?.waiting &&
    runId(status.containerID) === id;
  const last = isOfRun ? publishedLastExit(status, now) : undefined;
  return last === undefined ? container : { ...container, lastExit: last };
}

function publishedLastExit(
  { lastState }: ContainerStatus,
  now: Date,
): ObservedContainer["lastExit"] {
  const id = runId(lastState?.terminated?.containerID);
  if (!lastState?.terminated || !id) return undefined;
  return { ...exitOf(lastState.terminated, now), id };
}

function lostRun(status: ContainerStatus, now: Date): ObservedContainer[] {
  const { name, image, imageID, restartCount, state, lastState } = status;
  const ended = state?.terminated ??
    (state?.waiting ? lastState?.terminated : undefined);
  const id = runId(ended?.containerID ?? status.containerID);
  if (id === undefined || id === "") return [];
  const exit = ended === undefined
    ? lostExit(state?.running?.startedAt, now)
    : exitOf(ended, now);
  const lastExit = state?.waiting ? undefined : publishedLastExit(status, now);
  return [{
    name,
    attempt: restartCount,
    id,
    image,
    imageId: imageID,
    state: { kind: "terminated", exit },
    ...optional("lastExit", lastExit),
  }];
}

function runId(containerID: string | undefined): string | undefined {
  return containerID?.replace(/^.*:\/\//, "");
}

function exitOf(
  ended: NonNullable<NonNullable<ContainerStatus["state"]>["terminated"]>,
  now: Date,
): Exit {
  return {
    code: ended.exitCode,
    ...optional("signal", ended.signal),
    reason: exitReason(ended.reason, ended.exitCode),
    ...optional("message", ended.message),
    startedAt: date(ended.startedAt, now),
    finishedAt: date(ended.finishedAt, now),
  };
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

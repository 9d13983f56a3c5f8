import type { Exit, ObservedContainer, ObservedPod } from "../runtime.ts";
import type { ContainerRecord } from "./container_record.ts";

/** What an engine does not know of how a container ended. */
export interface ExitDetails {
  /** What it wrote to its termination message path, or why it could not be started. */
  readonly message?: string;
  /** Whether the kernel ended it for want of memory, where the engine failed to say so. */
  readonly oomKilled?: boolean;
}

/** The code that containerd gives a container that could not be started. */
const startErrorCode = 128;
/** As the kubelet reports runs of which nobody knows the end. */
const unknownCode = 137;

/**
 * A pod as its containers on the host tell it.
 *
 * @param details By the ID of the container; one that was never started counts as failed if it has
 * a message there, and does not count otherwise: it is still being made.
 */
export function observePod(
  uid: string,
  records: readonly ContainerRecord[],
  details: ReadonlyMap<string, ExitDetails>,
): ObservedPod {
  const sandbox = newestSandbox(records);
  const runs = new Map<string, ContainerRecord[]>();
  for (const record of records) {
    if (record.kind !== "container") continue;
    if (runState(record, details.get(record.id)) === undefined) continue;
    const earlier = runs.get(record.container) ?? [];
    runs.set(record.container, [...earlier, record].toSorted(byAttempt));
  }
  return {
    uid,
    sandbox: sandbox === undefined
      ? "absent"
      : sandbox.state.kind === "running"
      ? "ready"
      : "stopped",
    ips: sandbox?.state.kind === "running" ? sandbox.ips : [],
    containers: [...runs.values()].flatMap((of) => observeRuns(of, details)),
  };
}

/** The sandbox that counts: a pod that lost one before has more. */
export function newestSandbox(
  records: readonly ContainerRecord[],
): ContainerRecord | undefined {
  return records.filter(({ kind }) => kind === "sandbox")
    .toSorted(byAttempt).at(-1);
}

/** Orders runs from the first to the newest. */
export function byAttempt(a: ContainerRecord, b: ContainerRecord): number {
  return a.attempt - b.attempt || a.createdAt.getTime() - b.createdAt.getTime();
}

function observeRuns(
  runs: readonly ContainerRecord[],
  details: ReadonlyMap<string, ExitDetails>,
): readonly ObservedContainer[] {
  const [run, before] = [runs.at(-1), runs.at(-2)];
  const state = run && runState(run, details.get(run.id));
  if (run === undefined || state === undefined) return [];
  const last = before && runState(before, details.get(before.id));
  return [{
    name: run.container,
    attempt: run.attempt,
    id: run.id,
    image: run.image,
    imageId: run.imageId,
    state,
    ...(before && last?.kind === "terminated"
      ? { lastExit: { ...last.exit, id: before.id } }
      : {}),
  }];
}

function runState(
  { state, createdAt }: ContainerRecord,
  details: ExitDetails = {},
): ObservedContainer["state"] | undefined {
  switch (state.kind) {
    case "running":
      return state;
    case "created": {
      const message = state.error || details.message;
      return message === undefined || message === "" ? undefined : ended({
        code: startErrorCode,
        reason: "StartError",
        message,
        startedAt: createdAt,
        finishedAt: createdAt,
      });
    }
    case "lost":
      return ended({
        code: unknownCode,
        reason: "ContainerStatusUnknown",
        message: "The host went down while the container ran",
        startedAt: state.startedAt,
        finishedAt: state.foundAt,
      });
    case "exited": {
      const message = details.message || state.error;
      return ended({
        code: state.code,
        reason: exitReason(state.code, state.oomKilled || details.oomKilled),
        ...(message === "" ? {} : { message }),
        startedAt: state.startedAt,
        finishedAt: state.finishedAt,
      });
    }
  }
}

function ended(exit: Exit): ObservedContainer["state"] {
  return { kind: "terminated", exit };
}

function exitReason(code: number, oomKilled = false): Exit["reason"] {
  if (oomKilled) return "OOMKilled";
  return code === 0 ? "Completed" : "Error";
}

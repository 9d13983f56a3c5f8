import type { Exit } from "../runtime.ts";
import type { GuestEnd } from "./guest_process.ts";
import type { GuestReport } from "./guest_spec.ts";

/** What is known of a run that has ended. */
export interface EndedRun {
  readonly end: GuestEnd;
  /** What the runner left about it, if anything. */
  readonly report?: GuestReport;
  readonly terminationMessage?: string;
  /** Whether the kernel killed for want of memory; false unless given. */
  readonly outOfMemory?: boolean;
  readonly startedAt: Date;
}

/** How a run ended, in the words of the API. */
export function describeExit(
  { end, report, terminationMessage, startedAt, outOfMemory = false }: EndedRun,
): Exit {
  const { code, signal, finishedAt } = end;
  const message = terminationMessage ?? report?.message;
  return {
    code,
    ...(signal === undefined ? {} : { signal }),
    reason: outOfMemory && signal === sigkill
      ? "OOMKilled"
      : exitReason(code, report),
    ...(message === undefined ? {} : { message }),
    startedAt,
    finishedAt,
  };
}

/** The exit of a run that an earlier agent started and did not see end. */
export function unknownExit(startedAt: Date, finishedAt: Date): Exit {
  return {
    code: 137,
    reason: "ContainerStatusUnknown",
    message:
      "The agent that ran the container ended, and its WASI guests end with it",
    startedAt,
    finishedAt,
  };
}

const sigkill = 9;

function exitReason(
  code: number,
  report: GuestReport | undefined,
): Exit["reason"] {
  switch (report?.reason) {
    case "OOMKilled":
    case "StartError":
      return report.reason;
    case "Trap":
    case undefined:
      return code === 0 ? "Completed" : "Error";
  }
}

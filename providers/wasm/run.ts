import { join } from "node:path";
import type { LogFile } from "../log_file.ts";
import type { Exit, ObservedContainer } from "../runtime.ts";
import type { GuestExecs } from "./guest_execs.ts";
import type { GuestProcess } from "./guest_process.ts";
import type { RunRecord } from "./records.ts";

/** One run of one container: of this agent, or found on disk. */
export interface Run {
  readonly record: RunRecord;
  /** Where its records and its log are. */
  readonly dir: string;
  /** Its process, if this agent started it. */
  readonly guest?: GuestProcess;
  /** The commands beside it, if this agent started it. */
  readonly execs?: GuestExecs;
  readonly log?: LogFile;
  readonly stdinOnce?: boolean;
  /** Set once, when the run has ended and everything about it was recorded. */
  exit?: Exit;
  /** Resolves when `exit` is set and its commands have ended; never rejects. */
  readonly ended: Promise<void>;
}

/** The current log file of the run in this directory. */
export function logPath(dir: string): string {
  return join(dir, "0.log");
}

/** A container by its runs, the newest last; nothing when it has none. */
export function observeRuns(
  runs: readonly Run[],
): readonly ObservedContainer[] {
  const run = runs.at(-1);
  if (run === undefined) return [];
  const { name, attempt, id, image, imageId, startedAt } = run.record;
  const before = runs.at(-2);
  return [{
    name,
    attempt,
    id,
    image,
    imageId,
    state: run.exit === undefined
      ? { kind: "running", startedAt: new Date(startedAt) }
      : { kind: "terminated", exit: run.exit },
    ...(before?.exit === undefined
      ? {}
      : { lastExit: { ...before.exit, id: before.record.id } }),
  }];
}

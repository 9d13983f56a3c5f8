import { join } from "node:path";
import type { LogFile } from "../log_file.ts";
import type { Exit, ObservedContainer } from "../runtime.ts";
import type { GuestExecs } from "./guest_execs.ts";
import type { GuestProcess } from "./guest_process.ts";
import type { RunRecord } from "./records.ts";
import type { RunLimits } from "./run_limits.ts";

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
  /** What its processes may use, if this agent started it. */
  readonly limits?: RunLimits;
  readonly stdinOnce?: boolean;
  /** The ports that its process listens on, if this agent started it. */
  readonly ports?: readonly number[];
  /** Set once, when the run has ended and everything about it was recorded. */
  exit?: Exit;
  /** Resolves when `exit` is set and its commands have ended; never rejects. */
  readonly ended: Promise<void>;
}

/** The current log file of the run in this directory. */
export function logPath(dir: string): string {
  return join(dir, "0.log");
}

/** Where the run in this directory tells what it has answered, if it serves HTTP. */
export function httpUsagePath(dir: string): string {
  return join(dir, "http.json");
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

/** Kills its process, if it has one, and resolves when it has ended. */
export async function killRun(run: Run): Promise<void> {
  if (run.exit === undefined) run.guest?.kill("SIGKILL");
  await run.ended;
}

/** How a process has kept to its CPU limit so far. */
export interface DutyState {
  /** When this was known: milliseconds on a clock that only goes forward. */
  readonly at: number;
  /** CPU time since its start. */
  readonly usedNanos: number;
  /** CPU time that it may still use; below zero it has used too much. */
  readonly creditNanos: number;
  readonly stopped: boolean;
}

/** What to do with a process now, and when to look again. */
interface DutyStep {
  readonly state: DutyState;
  readonly signal?: "SIGSTOP" | "SIGCONT";
  readonly waitMs: number;
}

/**
 * Decides whether a process that may use so much CPU time must pause, where the kernel cannot be
 * told its limit.
 *
 * What it uses too much in one turn it misses in the next, so that the average is the limit
 * however late one looks. What it does not use it may save up for one tenth of a second.
 */
export function dutyStep(
  state: DutyState,
  { at, usedNanos, limitMillis }: {
    readonly at: number;
    readonly usedNanos: number;
    /** Thousandths of one CPU. */
    readonly limitMillis: number;
  },
): DutyStep {
  const nanosPerMs = limitMillis * 1000;
  const earned = (at - state.at) * nanosPerMs;
  const used = usedNanos - state.usedNanos;
  const credit = Math.min(
    state.creditNanos + earned - used,
    longestTurn * nanosPerMs,
  );
  const stopped = credit < 0;
  const next = { at, usedNanos, creditNanos: credit, stopped };
  const waitMs = stopped
    ? Math.ceil(Math.min(-credit / nanosPerMs, longestPause)) + 1
    : shortestTurn;
  if (stopped === state.stopped) return { state: next, waitMs };
  return { state: next, signal: stopped ? "SIGSTOP" : "SIGCONT", waitMs };
}

/** Milliseconds, as the period of the kernel's own limits. */
const longestTurn = 100;

/** A shorter one could not be measured: the kernel counts CPU time in hundredths of a second. */
const shortestTurn = 20;

/** So that a higher limit is felt soon. */
const longestPause = 500;

import { delay } from "../../async/delay.ts";
import { getLogger } from "../../async/log.ts";
import { type DutyState, dutyStep } from "./cpu_duty.ts";
import { processUsage } from "./process_identity.ts";

/** A process that can be made to pause. */
export interface PausableProcess {
  readonly pid: number;
  /** Settles when it has ended. */
  readonly status: Promise<unknown>;
  /** Whether it was stopped, and not continued since. */
  readonly paused: boolean;
  /** Nothing happens once the process has ended. */
  kill(signal: "SIGSTOP" | "SIGCONT"): void;
}

/** Keeps a process to its CPU limit by stopping and continuing it, until it ends. */
export class CpuDuty {
  /** Resolves when the process has ended; never rejects. */
  readonly ended: Promise<void>;

  /** @param limitMillis Asked again and again; undefined for no limit. */
  constructor(
    process: PausableProcess,
    limitMillis: () => number | undefined,
  ) {
    this.ended = watch(process, limitMillis).catch((error) =>
      getLogger("wasm").error("Could not limit the CPU time of a guest", {
        pid: process.pid,
        error,
      })
    );
  }
}

async function watch(
  process: PausableProcess,
  limitMillis: () => number | undefined,
): Promise<void> {
  const over = new AbortController();
  const end = () => over.abort();
  process.status.then(end, end);
  const { signal } = over;
  let state: DutyState | undefined;
  while (!signal.aborted) {
    const limit = limitMillis();
    const usage = await processUsage(process.pid);
    if (signal.aborted) return;
    let waitMs = unlimitedWait;
    if (limit !== undefined && usage !== undefined) {
      const { cpuNanos: usedNanos } = usage;
      const at = performance.now();
      state ??= { at, usedNanos, creditNanos: 0, stopped: false };
      // Another signal has it go on.
      state = { ...state, stopped: process.paused };
      const step = dutyStep(state, { at, usedNanos, limitMillis: limit });
      if (step.signal !== undefined) process.kill(step.signal);
      ({ state, waitMs } = step);
    }
    // It ends with the process.
    await delay(waitMs, { signal }).catch(() => undefined);
  }
}

/** How soon a limit is felt that was not there before. */
const unlimitedWait = 1_000;

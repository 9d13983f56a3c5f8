/** How much CPU time one run of something had used at one moment. */
export interface CpuReading {
  readonly at: Date;
  /** When this run started; another time, or less CPU time than before, means another run. */
  readonly startedAt: Date;
  /** Since the start of this run. */
  readonly cpuNanos: number;
}

/** The start of a run may be worked out from the time that it runs: a little else each time. */
const startToleranceMs = 1_000;

/** Rates over less time than this say more about the clock than about the CPU. */
const shortestWindowMs = 1_000;

interface Known {
  /** Where the next window starts. */
  readonly base: CpuReading;
  /** What this run had used at the last reading of all. */
  readonly latestNanos: number;
  readonly nanoCores: number | undefined;
  /** What earlier runs had used when they were last seen. */
  readonly endedNanos: number;
}

/**
 * Remembers the last reading of each thing that uses CPU time, to tell how much it uses now.
 *
 * Nothing measures in the background: the window of a rate is the time between two readings.
 */
export class CpuHistory {
  readonly #known = new Map<string, Known>();

  /**
   * Takes a reading in. One that follows within a second leaves the rate as it is: of clients that
   * ask right after each other, none takes the window from the others.
   */
  read(key: string, reading: CpuReading): void {
    const last = this.#known.get(key);
    if (last === undefined) {
      this.#known.set(key, firstOfRun(reading, 0));
      return;
    }
    if (!isSameRun(last, reading)) {
      const ended = last.endedNanos + last.latestNanos;
      this.#known.set(key, firstOfRun(reading, ended));
      return;
    }
    const { at, cpuNanos: latestNanos } = reading;
    const elapsedMs = at.getTime() - last.base.at.getTime();
    if (elapsedMs < shortestWindowMs) {
      this.#known.set(key, { ...last, latestNanos });
      return;
    }
    const nanoCores = (latestNanos - last.base.cpuNanos) / elapsedMs * 1000;
    this.#known.set(key, { ...last, base: reading, latestNanos, nanoCores });
  }

  /**
   * What it used a second, in nanoseconds, in the time between its last two readings; since its
   * start if there is but one. Undefined for what was never read, or just as it started.
   */
  nanoCores(key: string): number | undefined {
    return this.#known.get(key)?.nanoCores;
  }

  /**
   * What runs that have ended had used when they were last read, in nanoseconds. Added to what
   * runs now, it makes a total that never falls.
   *
   * @param options.running Whether the last run of it goes on.
   */
  endedNanos(key: string, { running }: { readonly running: boolean }): number {
    const last = this.#known.get(key);
    if (last === undefined) return 0;
    return last.endedNanos + (running ? 0 : last.latestNanos);
  }

  /** Everything that was read and not forgotten. */
  keys(): Iterable<string> {
    return this.#known.keys();
  }

  /** Forgets what `keep` does not want. */
  prune(keep: (key: string) => boolean): void {
    for (const key of this.#known.keys()) {
      if (!keep(key)) this.#known.delete(key);
    }
  }
}

function firstOfRun(base: CpuReading, endedNanos: number): Known {
  const nanoCores = averageSinceStart(base);
  return { base, latestNanos: base.cpuNanos, endedNanos, nanoCores };
}

function isSameRun({ base, latestNanos }: Known, next: CpuReading): boolean {
  const apartMs = next.startedAt.getTime() - base.startedAt.getTime();
  return Math.abs(apartMs) < startToleranceMs && latestNanos <= next.cpuNanos;
}

function averageSinceStart(
  { at, startedAt, cpuNanos }: CpuReading,
): number | undefined {
  const elapsedMs = at.getTime() - startedAt.getTime();
  return elapsedMs > 0 ? cpuNanos / elapsedMs * 1000 : undefined;
}

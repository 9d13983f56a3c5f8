import { errno, fail } from "./errno.ts";

/** The clocks of WASI preview 1, in nanoseconds. */
export class Clocks {
  /** What to add to the monotonic clock for the time of day. */
  #offsetMillis = 0;

  /** The present time on one of WASI's clocks; `EBADF` for those of CPU time, as wasmtime has it. */
  now(id: number): bigint {
    if (id === clockId.realtime) return millisToNanos(this.#timeOfDay());
    if (id === clockId.monotonic) return millisToNanos(performance.now());
    return fail(errno.badf);
  }

  /** `Date.now()` with microseconds, which only the other clock has. */
  #timeOfDay(): number {
    const elapsed = performance.now();
    const wholeMillis = Date.now();
    const deviation = elapsed + this.#offsetMillis - wholeMillis;
    if (deviation < 0 || deviation >= 1) {
      this.#offsetMillis = wholeMillis - elapsed;
    }
    return elapsed + this.#offsetMillis;
  }
}

/** The clocks that guests can read. */
export const clockId = { realtime: 0, monotonic: 1 } as const;

function millisToNanos(millis: number): bigint {
  return BigInt(Math.round(millis * 1000)) * 1000n;
}

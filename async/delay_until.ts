import type { AbortOptions } from "./abort.ts";
import { delay } from "./delay.ts";

/** Timers overflow after 24 days, and stand still while the machine sleeps. */
const longestMs = 60 * 60_000;

/** Resolves once the clock has reached `time`; rejects with the signal's reason if that comes first. */
export async function delayUntil(
  time: Date,
  { signal }: AbortOptions,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const left = time.getTime() - Date.now();
    if (left <= 0) return;
    await delay(Math.min(left, longestMs), { signal });
  }
}

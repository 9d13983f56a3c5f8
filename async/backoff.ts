/** How long to wait after failures in a row: from `base` doubling up to `cap`, in milliseconds. */
export interface Backoff {
  readonly base: number;
  readonly cap: number;
}

/** Milliseconds to wait after `failures` in a row; 0 when there were none. */
export function backoffDelay(failures: number, { base, cap }: Backoff): number {
  return failures === 0 ? 0 : Math.min(cap, base * 2 ** (failures - 1));
}

/**
 * `ms` plus up to a quarter of it, so that many clients do not come back at the same moment.
 *
 * `random` gives numbers from 0 to below 1; `Math.random` by default.
 */
export function jitter(ms: number, random: () => number = Math.random): number {
  return ms * (1 + random() / 4);
}

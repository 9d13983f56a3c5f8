const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

/**
 * How long `ms` milliseconds are, roughly, in kubectl's words: `45s`, `3m20s`, `17h`, `4d6h`.
 *
 * The steps are those of `k8s.io/apimachinery/pkg/util/duration`.
 */
export function humanDuration(ms: number): string {
  if (Math.trunc(ms / second) < -1) return "<invalid>";
  if (ms < 0) return "0s";
  if (ms < 2 * minute) return part(ms, second, "s");
  if (ms < 10 * minute) return parts(ms, [minute, "m"], [second, "s"]);
  if (ms < 3 * hour) return part(ms, minute, "m");
  if (ms < 8 * hour) return parts(ms, [hour, "h"], [minute, "m"]);
  if (ms < 2 * day) return part(ms, hour, "h");
  if (ms < 8 * day) return parts(ms, [day, "d"], [hour, "h"]);
  if (ms < 2 * year) return part(ms, day, "d");
  if (ms < 8 * year) return parts(ms, [year, "y"], [day, "d"]);
  return part(ms, year, "y");
}

/** How long ago a time of the API is; `<unknown>` without one. */
export function age(time: string | undefined, now: Date): string {
  if (time === undefined) return "<unknown>";
  return humanDuration(now.getTime() - new Date(time).getTime());
}

type Unit = readonly [length: number, letter: string];

function parts(ms: number, large: Unit, small: Unit): string {
  const rest = part(ms % large[0], ...small);
  return `${part(ms, ...large)}${rest.startsWith("0") ? "" : rest}`;
}

function part(ms: number, length: number, letter: string): string {
  return `${Math.floor(ms / length)}${letter}`;
}

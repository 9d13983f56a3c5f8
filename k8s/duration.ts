/**
 * Milliseconds of a duration as Go writes it and a `KubeletConfiguration` takes it: `2m0s`,
 * `1h30m`, `500ms`, `0`; undefined if `text` is none, or negative.
 */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (!wholeDuration.test(text)) return undefined;
  const ms = [...text.matchAll(part)].reduce(
    (sum, [, amount, unit = ""]) => sum + Number(amount) * (units[unit] ?? NaN),
    0,
  );
  return Math.round(ms * 1e6) / 1e6;
}

/** `ms` as Go writes a duration: `4h0m0s`, `2m0s`, `1.5s`, `250ms`, `0s`. */
export function formatDuration(ms: number): string {
  if (ms > 0 && ms < 1000) return `${ms}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = `${(ms - minutes * 60_000) / 1000}s`;
  if (minutes === 0) return seconds;
  const hours = Math.floor(minutes / 60);
  return `${hours === 0 ? "" : `${hours}h`}${minutes % 60}m${seconds}`;
}

/** https://pkg.go.dev/time#ParseDuration */
const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "µs": 1e-3,
  "μs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const number = "(?:\\d+(?:\\.\\d*)?|\\.\\d+)";
const unit = "(?:ns|us|µs|μs|ms|s|m|h)";
const wholeDuration = new RegExp(`^\\+?(?:${number}${unit})+$`);
const part = new RegExp(`(${number})(${unit})`, "g");

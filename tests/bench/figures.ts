/** The value below which `percent` of the numbers lie (nearest rank). */
export function percentile(
  numbers: readonly number[],
  percent: number,
): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const rank = Math.ceil(percent / 100 * sorted.length);
  return sorted[Math.max(0, rank - 1)] ?? NaN;
}

/** To one decimal. */
export function round(number: number): number {
  return Math.round(number * 10) / 10;
}

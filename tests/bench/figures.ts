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

/** One measured figure, and the one to reach where there is one. */
export interface Figure {
  readonly what: string;
  readonly measured: string;
  readonly wanted?: string;
}

/** Prints figures as a table. */
export function printTable(figures: readonly Figure[]): void {
  const rows = [
    ["figure", "measured", "to reach"],
    ...figures.map(({ what, measured, wanted = "" }) => [
      what,
      measured,
      wanted,
    ]),
  ];
  const widths = [0, 1].map((column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0))
  );
  const lines = rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")
  );
  const text = lines.map((line) => `${line.trimEnd()}\n`).join("");
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

const padding = 2;

/**
 * Aligns the cells between tabs as Go's `text/tabwriter` does for `kubectl describe`: a column
 * reaches over the lines next to each other that have it, and the last cell of a line is in none.
 */
export function alignTabs(text: string): string {
  const lines = text.split("\n").map((line) => line.split("\t"));
  const widths = lines.map((cells) => cells.map(() => 0));
  for (let column = 0; column < longest(lines) - 1; column++) {
    for (let first = 0; first < lines.length;) {
      let end = first;
      while (hasColumn(lines[end], column)) end++;
      const block = lines.slice(first, end);
      const width = Math.max(
        ...block.map((cells) => length(cells[column]) + padding),
      );
      for (const cells of widths.slice(first, end)) cells[column] = width;
      first = end + 1;
    }
  }
  return lines.map((cells, line) =>
    cells.map((cell, column) => cell + gap(cell, widths[line]?.[column] ?? 0))
      .join("")
  ).join("\n");
}

function longest(lines: readonly (readonly string[])[]): number {
  return lines.reduce((most, cells) => Math.max(most, cells.length), 0);
}

function hasColumn(
  cells: readonly string[] | undefined,
  column: number,
): boolean {
  return cells !== undefined && column < cells.length - 1;
}

function gap(cell: string, width: number): string {
  return " ".repeat(Math.max(0, width - length(cell)));
}

function length(cell = ""): number {
  return [...cell].length;
}

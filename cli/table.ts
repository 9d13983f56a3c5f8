/** A kind of table: its headers, and the row of an object. */
export interface TableKind<T> {
  readonly headers: readonly string[];
  row(object: T, now: Date): readonly string[];
}

const padding = 3;
const minWidth = 6;

/** Aligns columns as `kubectl get` does, with the widths of what was printed before at least. */
export class Table {
  readonly #widths: number[] = [];

  /** The lines of `rows`, each with its end. */
  format(rows: readonly (readonly string[])[]): string {
    for (const row of rows) {
      for (const [column, cell] of row.entries()) {
        this.#widths[column] = Math.max(
          this.#widths[column] ?? minWidth,
          [...cell].length + padding,
        );
      }
    }
    return rows.map((row) => `${this.#line(row)}\n`).join("");
  }

  #line(row: readonly string[]): string {
    return row.map((cell, column) => {
      if (column === row.length - 1) return cell;
      const missing = (this.#widths[column] ?? 0) - [...cell].length;
      return cell + " ".repeat(Math.max(0, missing));
    }).join("");
  }
}

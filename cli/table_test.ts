import assert from "node:assert/strict";
import { Table } from "./table.ts";

Deno.test("Table keeps three spaces between columns and none at the end", () => {
  const table = new Table();
  assert.equal(
    table.format([["NAME", "AGE"], ["a-long-name", "5s"]]),
    "NAME          AGE\na-long-name   5s\n",
  );
});

Deno.test("Table makes columns six wide at least", () => {
  assert.equal(new Table().format([["A", "B", "C"]]), "A     B     C\n");
});

Deno.test("Table remembers the widths of what was printed before", () => {
  const table = new Table();
  table.format([["a-long-name", "x"]]);
  assert.equal(table.format([["b", "y"]]), "b             y\n");
});

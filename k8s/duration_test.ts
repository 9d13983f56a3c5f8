import assert from "node:assert/strict";
import fc from "fast-check";
import { formatDuration, parseDuration } from "./duration.ts";

const hour = 3_600_000;

Deno.test("parseDuration() reads what Go reads", () => {
  const table: readonly [text: string, want: number | undefined][] = [
    ["2m0s", 120_000],
    ["4h0m0s", 4 * hour],
    ["1h30m", 1.5 * hour],
    ["500ms", 500],
    ["1.5s", 1500],
    [".5s", 500],
    ["0", 0],
    ["0s", 0],
    ["250us", 0.25],
    ["", undefined],
    ["10", undefined],
    ["-1s", undefined],
    ["1 s", undefined],
    ["1d", undefined],
    ["s", undefined],
    ["1s2", undefined],
  ];
  for (const [text, want] of table) {
    assert.equal(parseDuration(text), want, text);
  }
});

Deno.test("formatDuration() writes what Go writes", () => {
  const table: readonly [ms: number, want: string][] = [
    [0, "0s"],
    [250, "250ms"],
    [1500, "1.5s"],
    [30_000, "30s"],
    [120_000, "2m0s"],
    [4 * hour, "4h0m0s"],
    [4 * hour + 61_000, "4h1m1s"],
  ];
  for (const [ms, want] of table) assert.equal(formatDuration(ms), want);
});

Deno.test("parseDuration() reads what formatDuration() writes", () => {
  fc.assert(
    fc.property(
      fc.nat(1000 * hour),
      (ms) => parseDuration(formatDuration(ms)) === ms,
    ),
  );
});

import assert from "node:assert/strict";
import { age, humanDuration } from "./human_time.ts";

Deno.test("humanDuration() says it as kubectl does", () => {
  const minute = 60;
  const hour = 60 * minute;
  const day = 24 * hour;
  const table: readonly (readonly [seconds: number, text: string])[] = [
    [-2, "<invalid>"],
    [-0.5, "0s"],
    [0, "0s"],
    [1.9, "1s"],
    [119, "119s"],
    [120, "2m"],
    [3 * minute + 20, "3m20s"],
    [10 * minute - 1, "9m59s"],
    [10 * minute + 5, "10m"],
    [3 * hour - 1, "179m"],
    [3 * hour, "3h"],
    [7 * hour + 59 * minute, "7h59m"],
    [47 * hour + 59 * minute, "47h"],
    [2 * day, "2d"],
    [2 * day + 5 * hour, "2d5h"],
    [8 * day + hour, "8d"],
    [729 * day, "729d"],
    [730 * day, "2y"],
    [800 * day, "2y70d"],
    [9 * 365 * day, "9y"],
  ];
  for (const [seconds, text] of table) {
    assert.equal(humanDuration(seconds * 1000), text, `${seconds} s`);
  }
});

Deno.test("age() of nothing is unknown", () => {
  assert.equal(age(undefined, new Date()), "<unknown>");
  const now = new Date("2026-01-01T00:02:30Z");
  assert.equal(age("2026-01-01T00:00:00Z", now), "2m30s");
});

import assert from "node:assert/strict";
import { pullReports } from "./pull_progress.ts";

Deno.test("pullReports() tells of a pull every 15 s at most, and of a short one never", () => {
  const told: string[] = [];
  let now = 1_000;
  const report = pullReports("a:1", (message) => told.push(message), () => now);
  const at = (seconds: number, done: number, totalBytes = 120 * 2 ** 20) => {
    now = 1_000 + seconds * 1000;
    report({ doneBytes: done * 2 ** 20, totalBytes });
  };
  at(0, 0);
  at(14.9, 30);
  assert.deepEqual(told, []);
  at(15, 34.9);
  at(29.9, 60);
  at(31, 61);
  at(46, 70, 0);
  assert.deepEqual(told, [
    'Pulling image "a:1": 34 MiB of 120 MiB',
    'Pulling image "a:1": 61 MiB of 120 MiB',
    'Pulling image "a:1": 70 MiB',
  ]);
});

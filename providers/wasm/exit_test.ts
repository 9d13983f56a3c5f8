import assert from "node:assert/strict";
import { describeExit, type EndedRun } from "./exit.ts";

const startedAt = new Date(1000);
const finishedAt = new Date(2000);

const rows: [string, Omit<EndedRun, "startedAt">, object][] = [
  ["Completed for code 0", { end: { code: 0, finishedAt } }, {
    code: 0,
    reason: "Completed",
  }],
  ["Error for any other code", { end: { code: 3, finishedAt } }, {
    code: 3,
    reason: "Error",
  }],
  ["Error with the signal", { end: { code: 143, signal: 15, finishedAt } }, {
    code: 143,
    signal: 15,
    reason: "Error",
  }],
  ["Error for a trap, with its message", {
    end: { code: 134, finishedAt },
    report: { reason: "Trap", message: "unreachable" },
  }, { code: 134, reason: "Error", message: "unreachable" }],
  ["OOMKilled when the runner says so", {
    end: { code: 137, finishedAt },
    report: { reason: "OOMKilled", message: "limit" },
  }, { code: 137, reason: "OOMKilled", message: "limit" }],
  ["StartError when the guest never ran", {
    end: { code: 128, finishedAt },
    report: { reason: "StartError", message: "corrupt" },
  }, { code: 128, reason: "StartError", message: "corrupt" }],
  ["the guest's own message before the report's", {
    end: { code: 134, finishedAt },
    report: { reason: "Trap", message: "unreachable" },
    terminationMessage: "own words",
  }, { code: 134, reason: "Error", message: "own words" }],
];

for (const [name, run, want] of rows) {
  Deno.test(`describeExit() is ${name}`, () => {
    assert.deepEqual(describeExit({ ...run, startedAt }), {
      ...want,
      startedAt,
      finishedAt,
    });
  });
}

import assert from "node:assert/strict";
import { tolerates } from "./tolerations.ts";

const taint = { key: "gpu", value: "yes", effect: "NoExecute" };

const table = [
  ["nothing", undefined, false],
  ["the taint", { key: "gpu", value: "yes" }, true],
  ["the taint for another effect", {
    key: "gpu",
    value: "yes",
    effect: "NoSchedule",
  }, false],
  ["another value", { key: "gpu", value: "no" }, false],
  ["every value", { key: "gpu", operator: "Exists" }, true],
  ["everything", { operator: "Exists" }, true],
  [
    "everything of the effect",
    { operator: "Exists", effect: "NoExecute" },
    true,
  ],
  ["another key", { key: "cpu", operator: "Exists" }, false],
] as const;
for (const [claim, toleration, want] of table) {
  Deno.test(`tolerates() is ${want} for a pod that tolerates ${claim}`, () => {
    const tolerations = toleration === undefined ? [] : [toleration];
    assert.equal(
      tolerates({ spec: { containers: [], tolerations } }, taint),
      want,
    );
  });
}

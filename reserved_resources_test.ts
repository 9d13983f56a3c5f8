import assert from "node:assert/strict";
import { defaultEviction } from "./pods/eviction_thresholds.ts";
import { reservedResources } from "./reserved_resources.ts";

Deno.test("reservedResources() are the machine's, and what evictions keep free", () => {
  const soft = defaultEviction.thresholds.map((threshold) => ({
    ...threshold,
    graceMs: 1,
  }));
  const thresholds = [...defaultEviction.thresholds, ...soft];
  assert.deepEqual(
    reservedResources({ cpu: "1500m", memory: "1Gi" }, thresholds),
    [
      { resource: "cpu", amount: { kind: "quantity", amount: 1500 } },
      { resource: "memory", amount: { kind: "quantity", amount: 2 ** 30 } },
      {
        resource: "memory",
        amount: { kind: "quantity", amount: 100 * 2 ** 20 },
      },
      { resource: "ephemeral-storage", amount: { kind: "share", share: 0.1 } },
    ],
  );
});

import assert from "node:assert/strict";
import { cpuShares, engineLimits } from "./container_limits.ts";

const table = [[0, 2], [1, 2], [100, 102], [1000, 1024], [
  9e9,
  262_144,
]] as const;
for (const [millis, want] of table) {
  Deno.test(`cpuShares() of ${millis}m is ${want}`, () => {
    assert.equal(cpuShares(millis), want);
  });
}

Deno.test("engineLimits() has a share always, and limits where there are some", () => {
  assert.deepEqual(engineLimits({}), { cpuShares: 2 });
  assert.deepEqual(engineLimits({ cpuLimitMillis: 5, memoryLimitBytes: 9 }), {
    cpuShares: 5,
    memory: 9,
    cpuPeriod: 100_000,
    cpuQuota: 1_000,
  });
});

import assert from "node:assert/strict";
import { readNodeStats } from "./node_stats.ts";

Deno.test("readNodeStats() measures this machine", async () => {
  const { total } = Deno.systemMemoryInfo();
  const { at, startedAt, cpuNanos, memoryBytes, filesystem } =
    await readNodeStats(Deno.cwd());
  assert.ok(startedAt < at && cpuNanos > 0);
  assert.ok(memoryBytes > 0 && memoryBytes < total);
  assert.ok(filesystem !== undefined && filesystem.usedBytes > 0);
  assert.ok(filesystem.availableBytes < filesystem.capacityBytes);
});

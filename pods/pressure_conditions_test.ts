import assert from "node:assert/strict";
import { pressureConditions } from "./pressure_conditions.ts";

Deno.test("pressureConditions() say what the node is short of, in the kubelet's reasons", () => {
  const conditions = pressureConditions({
    pressures: () => ["DiskPressure"],
    async *changes() {},
  });
  assert.deepEqual(
    conditions.map(({ condition: { type, status, reason } }) =>
      `${type} ${status} ${reason}`
    ),
    [
      "MemoryPressure False KubeletHasSufficientMemory",
      "DiskPressure True KubeletHasDiskPressure",
      "PIDPressure False KubeletHasSufficientPID",
    ],
  );
});

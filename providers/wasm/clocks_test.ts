import assert from "node:assert/strict";
import { clockId, Clocks } from "./clocks.ts";

Deno.test("Clocks tell the time of day as Date does, with microseconds", () => {
  const clocks = new Clocks();
  for (let count = 0; count < 1000; count++) {
    const before = BigInt(Date.now()) * 1_000_000n;
    const now = clocks.now(clockId.realtime);
    const after = BigInt(Date.now() + 1) * 1_000_000n;
    assert.ok(before <= now && now <= after);
  }
});

Deno.test("Clocks never run backwards on the monotonic one", () => {
  const clocks = new Clocks();
  let last = 0n;
  for (let count = 0; count < 1000; count++) {
    const now = clocks.now(clockId.monotonic);
    assert.ok(now >= last);
    last = now;
  }
});

Deno.test("Clocks know no clocks of CPU time", () => {
  assert.throws(() => new Clocks().now(2), { name: "WasiError", errno: 8 });
});

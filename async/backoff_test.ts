import assert from "node:assert/strict";
import fc from "fast-check";
import { backoffDelay, jitter } from "./backoff.ts";

const crashLoop = { base: 10_000, cap: 300_000 };

Deno.test("backoffDelay() doubles from the base and stops at the cap", () => {
  const delays = [0, 1, 2, 3, 4, 5, 6, 7].map((failures) =>
    backoffDelay(failures, crashLoop) / 1000
  );
  assert.deepEqual(delays, [0, 10, 20, 40, 80, 160, 300, 300]);
});

Deno.test("backoffDelay() never falls as failures grow", () => {
  fc.assert(fc.property(
    fc.nat(2000),
    (n) => backoffDelay(n, crashLoop) <= backoffDelay(n + 1, crashLoop),
  ));
});

Deno.test("jitter() adds up to a quarter", () => {
  assert.equal(jitter(1000, () => 0), 1000);
  assert.equal(jitter(1000, () => 0.5), 1125);
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { renewalDelay } from "./token_cache.ts";

const rows: readonly (readonly [
  claim: string,
  expirationSeconds: number,
  wantSeconds: number,
])[] = [
  ["80 % of an hour", 3600, 2880],
  ["80 % of the least that the API gives", 600, 480],
  ["80 % of a day", 24 * 3600, 69_120],
  ["a day of a token for a year", 365 * 24 * 3600, 24 * 3600],
];
for (const [claim, expirationSeconds, wantSeconds] of rows) {
  Deno.test(`renewalDelay() is ${claim}`, () => {
    assert.equal(renewalDelay(expirationSeconds, () => 0), wantSeconds * 1000);
  });
}

Deno.test("renewalDelay() comes up to ten seconds early and never after 80 % of the life", () => {
  const seconds = fc.integer({ min: 1, max: 2 ** 32 });
  const random = fc.double({ min: 0, max: 0.999, noNaN: true });
  fc.assert(fc.property(seconds, random, (seconds, random) => {
    const delay = renewalDelay(seconds, () => random);
    const latest = renewalDelay(seconds, () => 0);
    assert.ok(delay >= 0 && delay <= latest && delay >= latest - 10_000);
    assert.ok(latest <= 800 * seconds + 1e-3);
  }));
});

import assert from "node:assert/strict";
import { TokenBucket } from "./token_bucket.ts";

Deno.test("TokenBucket lets the burst pass, and then so many a second", () => {
  let now = 0;
  const bucket = new TokenBucket({ perSecond: 50, burst: 3, now: () => now });
  const waits = Array.from({ length: 5 }, () => bucket.reserve());
  assert.deepEqual(waits, [0, 0, 0, 20, 40]);
  now = 40;
  assert.equal(bucket.reserve(), 20);
});

Deno.test("TokenBucket never saves up more than the burst", () => {
  let now = 0;
  const bucket = new TokenBucket({ perSecond: 50, burst: 2, now: () => now });
  now = 3_600_000;
  const waits = Array.from({ length: 3 }, () => bucket.reserve());
  assert.deepEqual(waits, [0, 0, 20]);
});

Deno.test("TokenBucket.take() gives up when aborted", async () => {
  const bucket = new TokenBucket({ perSecond: 0.001, burst: 1, now: () => 0 });
  const stop = new AbortController();
  await bucket.take(stop);
  const taking = bucket.take(stop);
  stop.abort(new Error("enough"));
  await assert.rejects(taking, /enough/);
});

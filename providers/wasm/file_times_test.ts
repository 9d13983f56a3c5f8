import assert from "node:assert/strict";
import type { FileStat } from "./file_stat.ts";
import { timesToSet } from "./file_times.ts";

const current = {
  accessedNanos: 1_000_000_000n,
  modifiedNanos: 2_000_000_000n,
} as FileStat;

function times(flags: number): readonly [number, number] {
  const request = { accessed: 3_000_000_000n, modified: 4_500_000_000n, flags };
  return timesToSet(request, current);
}

Deno.test("timesToSet() keeps what is not asked for", () => {
  assert.deepEqual(times(0), [1, 2]);
  assert.deepEqual(times(1), [3, 2]);
  assert.deepEqual(times(4), [1, 4.5]);
  assert.deepEqual(times(5), [3, 4.5]);
});

Deno.test("timesToSet() sets the present where asked", () => {
  const [accessed, modified] = times(2);
  assert.ok(Math.abs(accessed - Date.now() / 1000) < 5);
  assert.equal(modified, 2);
});

Deno.test("timesToSet() refuses a given time and the present at once", () => {
  assert.throws(() => times(3), { name: "WasiError", errno: 28 });
  assert.throws(() => times(12), { name: "WasiError", errno: 28 });
});

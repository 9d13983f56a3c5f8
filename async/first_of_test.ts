import assert from "node:assert/strict";
import { firstOf } from "./first_of.ts";

const never = new Promise(() => {});

Deno.test("firstOf() ends as the first of its promises does", async () => {
  const late = Promise.withResolvers<void>();
  await firstOf([never, Promise.resolve(), late.promise]);
  const failing = firstOf([never, late.promise]);
  late.reject(new Error("gone"));
  await assert.rejects(failing, /gone/);
  await assert.rejects(firstOf([never, late.promise]), /gone/);
});

Deno.test("firstOf() leaves nothing with a promise that goes on", async () => {
  const rounds = 50_000;
  const before = usedBytes();
  for (let i = 0; i < rounds; i++) await firstOf([never, Promise.resolve()]);
  const left = (usedBytes() - before) / rounds;
  assert.ok(left < 100, `${left} bytes a round`);
});

function usedBytes(): number {
  return Deno.memoryUsage().heapUsed;
}

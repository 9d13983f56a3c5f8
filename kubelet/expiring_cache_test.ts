import assert from "node:assert/strict";
import { ExpiringCache } from "./expiring_cache.ts";

Deno.test("ExpiringCache shares one answer among those who ask at the same time", async () => {
  const cache = new ExpiringCache<number>({ maxEntries: 9, lifetime: () => 9 });
  let asked = 0;
  const answer = Promise.withResolvers<number>();
  const ask = () => {
    asked++;
    return answer.promise;
  };
  const both = [cache.get("a", ask), cache.get("a", ask)];
  answer.resolve(7);
  assert.deepEqual(await Promise.all(both), [7, 7]);
  assert.equal(asked, 1);
});

Deno.test("ExpiringCache does not remember a failure", async () => {
  const cache = new ExpiringCache<number>({ maxEntries: 9, lifetime: () => 9 });
  await assert.rejects(cache.get("a", () => Promise.reject(new Error("no"))));
  assert.equal(await cache.get("a", () => Promise.resolve(1)), 1);
});

Deno.test("ExpiringCache drops the oldest entry for a new one", async () => {
  const cache = new ExpiringCache<string>({
    maxEntries: 2,
    lifetime: () => 1000,
  });
  const asked: string[] = [];
  const get = (key: string) =>
    cache.get(key, () => {
      asked.push(key);
      return Promise.resolve(key);
    });
  for (const key of ["a", "b", "c", "b", "a"]) await get(key);
  assert.deepEqual(asked, ["a", "b", "c", "a"]);
});

import assert from "node:assert/strict";
import { LruMap } from "./lru_map.ts";

Deno.test("LruMap forgets what was used longest ago beyond its limit", () => {
  const map = new LruMap<string, number>(2);
  map.set("a", 1);
  map.set("b", 2);
  assert.equal(map.get("a"), 1);
  map.set("c", 3);
  assert.deepEqual([map.get("a"), map.get("b"), map.get("c")], [
    1,
    undefined,
    3,
  ]);
  map.delete("a");
  assert.equal(map.size, 1);
});

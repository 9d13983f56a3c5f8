import assert from "node:assert/strict";
import { groupMemory, readMemory } from "./machine_memory.ts";

Deno.test("groupMemory() knows the limit of a control group, and what is cached", () => {
  assert.deepEqual(
    groupMemory({
      limit: "1000",
      usage: "700",
      stat: "anon 5\ninactive_file 200\n",
    }),
    { totalBytes: 1000, freeBytes: 300, availableBytes: 500 },
  );
  assert.deepEqual(
    groupMemory({
      limit: "1000",
      usage: "700",
      stat: "inactive_file 1\ntotal_inactive_file 100\n",
    }),
    { totalBytes: 1000, freeBytes: 300, availableBytes: 400 },
  );
});

Deno.test("groupMemory() is nothing where there is no limit", () => {
  for (const limit of ["max", ""]) {
    assert.equal(groupMemory({ limit, usage: "1", stat: "" }), undefined);
  }
});

Deno.test("readMemory() has no more than the machine", async () => {
  const { totalBytes, freeBytes, availableBytes } = await readMemory();
  assert.ok(totalBytes <= Deno.systemMemoryInfo().total);
  assert.ok(freeBytes <= totalBytes && availableBytes <= totalBytes);
});

import assert from "node:assert/strict";
import { Semaphore } from "./semaphore.ts";

const { signal } = new AbortController();

Deno.test("Semaphore.acquire() lets so many in, and the next when one has left", async () => {
  const semaphore = new Semaphore(2);
  const first = await semaphore.acquire({ signal });
  const second = await semaphore.acquire({ signal });
  const order: string[] = [];
  const third = semaphore.acquire({ signal }).then((permit) => {
    order.push("third");
    return permit;
  });
  const fourth = semaphore.acquire({ signal }).then((permit) => {
    order.push("fourth");
    return permit;
  });
  assert.equal(semaphore.waiting, 2);
  first[Symbol.dispose]();
  first[Symbol.dispose](); // counts once
  (await third)[Symbol.dispose]();
  (await fourth)[Symbol.dispose]();
  assert.deepEqual(order, ["third", "fourth"]);
  assert.equal(semaphore.free, 1);
  second[Symbol.dispose]();
  assert.equal(semaphore.free, 2);
});

Deno.test("Semaphore.acquire() rejects when aborted, and the permit is not lost", async () => {
  const semaphore = new Semaphore(1);
  const held = await semaphore.acquire({ signal });
  const stop = new AbortController();
  const waiting = semaphore.acquire({ signal: stop.signal });
  const next = semaphore.acquire({ signal });
  // The permit is passed on and the abort comes before it is noticed.
  held[Symbol.dispose]();
  stop.abort(new Error("enough"));
  const settled = await Promise.allSettled([waiting]);
  for (const result of settled) {
    if (result.status === "fulfilled") result.value[Symbol.dispose]();
  }
  (await next)[Symbol.dispose]();
  assert.equal(semaphore.free, 1);
  await assert.rejects(semaphore.acquire({ signal: stop.signal }), /enough/);
  assert.equal(semaphore.free, 1);
});

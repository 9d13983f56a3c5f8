import assert from "node:assert/strict";
import FakeTimers from "@sinonjs/fake-timers";
import { WorkQueue } from "./work_queue.ts";

Deno.test("WorkQueue.run() runs a key once more when it is added while in flight", async () => {
  const queue = new WorkQueue<string>();
  const stop = new AbortController();
  let running = 0;
  let runs = 0;
  queue.add("a");
  await queue.run(async () => {
    assert.equal(++running, 1);
    if (++runs === 1) {
      queue.add("a");
      queue.add("a");
    }
    await Promise.resolve();
    running--;
    if (runs === 2) stop.abort();
  }, { concurrency: 4, signal: stop.signal });
  assert.equal(runs, 2);
});

Deno.test("WorkQueue.run() works on different keys at once, up to its concurrency", async () => {
  const queue = new WorkQueue<number>();
  const stop = new AbortController();
  let running = 0;
  let peak = 0;
  let done = 0;
  for (let i = 0; i < 10; i++) queue.add(i);
  await queue.run(async () => {
    peak = Math.max(peak, ++running);
    await Promise.resolve();
    running--;
    if (++done === 10) stop.abort();
  }, { concurrency: 3, signal: stop.signal });
  assert.equal(peak, 3);
});

Deno.test("WorkQueue.run() hands out due keys in the order in which they were added", async () => {
  const queue = new WorkQueue<number>();
  const stop = new AbortController();
  const order: number[] = [];
  for (const key of [3, 1, 2]) queue.add(key);
  await queue.run((key) => {
    if (order.push(key) === 3) stop.abort();
    return Promise.resolve();
  }, { concurrency: 1, signal: stop.signal });
  assert.deepEqual(order, [3, 1, 2]);
});

Deno.test("WorkQueue.add() brings a waiting key forward and never back", async () => {
  const clock = FakeTimers.install({ now: 0 });
  try {
    const queue = new WorkQueue<string>();
    const stop = new AbortController();
    const ranAt: number[] = [];
    const done = queue.run((_key) => {
      ranAt.push(Date.now());
      return Promise.resolve();
    }, { concurrency: 1, signal: stop.signal });
    queue.add("a", { after: 1000 });
    queue.add("a", { after: 100 });
    queue.add("a", { after: 5000 });
    await clock.tickAsync(6000);
    stop.abort();
    await done;
    assert.deepEqual(ranAt, [100]);
  } finally {
    clock.uninstall();
  }
});

Deno.test("WorkQueue.run() waits for the work in flight when aborted", async () => {
  const queue = new WorkQueue<string>();
  const stop = new AbortController();
  const work = Promise.withResolvers<void>();
  let ended = false;
  queue.add("a");
  const running = queue.run(async () => {
    stop.abort();
    await work.promise;
    ended = true;
  }, { concurrency: 1, signal: stop.signal });
  work.resolve();
  await running;
  assert.ok(ended);
});

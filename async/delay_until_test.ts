import assert from "node:assert/strict";
import FakeTimers from "@sinonjs/fake-timers";
import { delayUntil } from "./delay_until.ts";

const dayMs = 24 * 60 * 60_000;

Deno.test("delayUntil() waits for a time that no timer can hold", async () => {
  const clock = FakeTimers.install({ now: 0 });
  try {
    const { signal } = new AbortController();
    let done = false;
    const waiting = delayUntil(new Date(60 * dayMs), { signal })
      .then(() => done = true);
    await clock.tickAsync(59 * dayMs);
    assert.equal(done, false);
    await clock.tickAsync(2 * dayMs);
    await waiting;
  } finally {
    clock.uninstall();
  }
});

Deno.test("delayUntil() has nothing to wait for in the past, and ends with its signal", async () => {
  const stop = new AbortController();
  await delayUntil(new Date(0), stop);
  const waiting = delayUntil(new Date(Date.now() + dayMs), stop);
  stop.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
});

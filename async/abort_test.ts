import assert from "node:assert/strict";
import { abortable } from "./abort.ts";

Deno.test("abortable() settles as its promise does, or when the signal aborts", async () => {
  const { signal } = new AbortController();
  assert.equal(await abortable(Promise.resolve(1), { signal }), 1);
  const stop = new AbortController();
  const waiting = abortable(new Promise(() => {}), stop);
  stop.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
});

Deno.test("abortable() lets nobody else hear of a failure after an abort", async () => {
  const failing = Promise.withResolvers<void>();
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(abortable(failing.promise, { signal }), /enough/);
  failing.reject(new Error("was not handled"));
  await new Promise((resolve) => setTimeout(resolve));
});

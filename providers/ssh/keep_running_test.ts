import assert from "node:assert/strict";
import { abortable } from "../../async/abort.ts";
import { keepRunning } from "./keep_running.ts";

const names = { host: "root@host", task: "fail" };
const retry = { base: 1, cap: 1 };

Deno.test("keepRunning starts a task again that has failed, until it is done", async () => {
  let runs = 0;
  const run = () => {
    runs++;
    return runs < 3 ? Promise.reject(new Error("a fault")) : Promise.resolve();
  };
  await keepRunning({ ...names, run, retry }, new AbortController());
  assert.equal(runs, 3);
});

Deno.test("keepRunning ends when it is aborted, at work and between", async () => {
  const atWork = new AbortController();
  const working = keepRunning({
    ...names,
    run: ({ signal }) => abortable(new Promise<void>(() => {}), { signal }),
  }, atWork);
  atWork.abort();
  await working;
  const between = new AbortController();
  const failed = Promise.withResolvers<void>();
  const waiting = keepRunning({
    ...names,
    retry: { base: 600_000, cap: 600_000 },
    run() {
      failed.resolve();
      return Promise.reject(new Error("a fault"));
    },
  }, between);
  await failed.promise;
  between.abort();
  await waiting;
});

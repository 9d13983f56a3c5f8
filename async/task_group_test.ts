import assert from "node:assert/strict";
import { untilAborted } from "./abort.ts";
import { TaskGroup } from "./task_group.ts";

Deno.test("TaskGroup.join() throws the first failure after aborting the siblings", async () => {
  await using group = new TaskGroup(new AbortController().signal);
  let stopped = false;
  group.spawn(async (signal) => {
    await untilAborted(signal);
    stopped = true;
  });
  group.spawn(() => Promise.reject(new Error("boom")));
  await assert.rejects(group.join(), /boom/);
  assert.ok(stopped);
});

Deno.test("TaskGroup.join() waits for tasks that were spawned by tasks", async () => {
  await using group = new TaskGroup(new AbortController().signal);
  const done: string[] = [];
  group.spawn(async () => {
    await Promise.resolve();
    group.spawn(async () => {
      await Promise.resolve();
      done.push("inner");
    });
    done.push("outer");
  });
  await group.join();
  assert.deepEqual(done, ["outer", "inner"]);
});

Deno.test("TaskGroup awaits its tasks when the scope is left", async () => {
  let stopped = false;
  {
    await using group = new TaskGroup(new AbortController().signal);
    group.spawn(async (signal) => {
      await untilAborted(signal);
      stopped = true;
    });
  }
  assert.ok(stopped);
});

Deno.test("TaskGroup counts what fails after an abort as aborted", async () => {
  const stop = new AbortController();
  await using group = new TaskGroup(stop.signal);
  group.spawn(async (signal) => {
    await untilAborted(signal);
    throw new Error("interrupted");
  });
  stop.abort();
  await group.join();
});

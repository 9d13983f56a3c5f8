import assert from "node:assert/strict";
import { untilAborted } from "./abort.ts";
import { Deadline } from "./deadline.ts";

Deno.test("Deadline aborts when the time is up, and says so", async () => {
  using deadline = new Deadline(1, new AbortController());
  await untilAborted(deadline.signal);
  assert.equal(deadline.expired, true);
  assert.equal(deadline.signal.reason.name, "TimeoutError");
});

Deno.test("Deadline aborts with its parent's reason, and has then not expired", () => {
  const parent = new AbortController();
  using deadline = new Deadline(60_000, parent);
  parent.abort(new Error("enough"));
  assert.equal(deadline.signal.reason.message, "enough");
  assert.equal(deadline.expired, false);
});

Deno.test("Deadline is aborted from the start when its parent is", () => {
  using deadline = new Deadline(60_000, { signal: AbortSignal.abort() });
  assert.equal(deadline.signal.aborted, true);
});

Deno.test("Deadline.extend() lets the time start anew", async () => {
  using deadline = new Deadline(60_000, new AbortController());
  deadline.extend(1);
  await untilAborted(deadline.signal);
  assert.equal(deadline.expired, true);
});

Deno.test("Deadline leaves no timer behind and aborts when its scope is left", () => {
  const deadline = new Deadline(60_000, new AbortController());
  deadline[Symbol.dispose]();
  assert.equal(deadline.signal.aborted, true);
  assert.equal(deadline.expired, false);
});

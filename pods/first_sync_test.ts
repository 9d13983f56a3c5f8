import assert from "node:assert/strict";
import { type AbortOptions, untilAborted } from "../async/abort.ts";
import { waitForSync } from "./first_sync.ts";

const { signal } = new AbortController();

async function never({ signal }: AbortOptions): Promise<void> {
  await untilAborted(signal);
  throw signal.reason;
}

Deno.test("waitForSync() returns without a probe once the watch has delivered", async () => {
  await waitForSync(() => Promise.resolve(), "x", {
    probe: () => Promise.reject(new Error("not wanted")),
    signal,
  });
});

Deno.test("waitForSync() says what the API server says when the watch does not deliver", async () => {
  const denied = new Error("403 Forbidden");
  await assert.rejects(
    waitForSync(never, 'configmap "a"', {
      probe: () => Promise.reject(denied),
      patience: 10,
      signal,
    }),
    { message: 'Cannot read configmap "a": 403 Forbidden', cause: denied },
  );
});

Deno.test("waitForSync() gives up when neither watch nor probe has an answer", async () => {
  await assert.rejects(
    waitForSync(never, "services", { probe: never, patience: 10, signal }),
    /^Error: Cannot read services: Not done within 0\.01 s$/,
  );
});

Deno.test("waitForSync() fails also when the API server answers but the watch does not", async () => {
  await assert.rejects(
    waitForSync(never, "services", {
      probe: () => Promise.resolve(),
      patience: 10,
      signal,
    }),
    /its watch has not delivered yet/,
  );
});

Deno.test("waitForSync() rejects with the signal's reason when aborted", async () => {
  const stop = new AbortController();
  const waiting = waitForSync(never, "x", {
    probe: never,
    signal: stop.signal,
  });
  stop.abort(new Error("enough"));
  await assert.rejects(waiting, /^Error: enough$/);
});

import assert from "node:assert/strict";
import type { StartFailure } from "./memory.ts";
import { startShown, startWait, startWaiting } from "./start_backoff.ts";

const at = new Date("2026-01-01T00:00:00Z");
const failure = (
  reason: StartFailure["reason"],
  failures = 1,
): StartFailure => ({ reason, failures, at, image: "a:1", message: "why" });

Deno.test("startWait() doubles from 10 s to 5 min for pulls, and is 10 to 15 s for what has no backoff", () => {
  const waits = (reason: StartFailure["reason"]) =>
    [1, 2, 3, 4, 5, 6, 7].map((failures) =>
      startWait(failure(reason, failures)) / 1000
    );
  const pulls = [10, 20, 40, 80, 160, 300, 300];
  assert.deepEqual(waits("ErrImagePull"), pulls);
  assert.deepEqual(waits("SignatureValidationFailed"), pulls);
  const others = [10, 15, 15, 15, 15, 15, 15];
  assert.deepEqual(waits("CreateContainerConfigError"), others);
  assert.deepEqual(waits("ErrImageNeverPull"), others);
});

Deno.test("startWaiting() shows a pull error as such at first, then as backing off, also while it tries again", () => {
  const pull = failure("ErrImagePull");
  const now = (ms: number) => startWaiting(pull, at.getTime() + ms);
  assert.deepEqual(now(999), { reason: "ErrImagePull", message: "why" });
  const backingOff = {
    reason: "ImagePullBackOff",
    message: 'Back-off pulling image "a:1": ErrImagePull: why',
  };
  assert.equal(startShown(pull), 1_000);
  assert.deepEqual(now(1_000), backingOff);
  assert.deepEqual(now(1_000_000), backingOff);
});

Deno.test("startWaiting() names the image of a volume where that could not be had", () => {
  const pull = { ...failure("ErrImagePull"), volumeImage: "data:1" };
  assert.equal(
    startWaiting(pull, at.getTime() + 1_000).message,
    'Back-off pulling image "data:1": ErrImagePull: why',
  );
});

Deno.test("startWaiting() shows any other failure as it is", () => {
  const other = failure("CreateContainerConfigError");
  assert.equal(startShown(other), 0);
  assert.deepEqual(startWaiting(other, at.getTime() + 60_000), {
    reason: "CreateContainerConfigError",
    message: "why",
  });
});

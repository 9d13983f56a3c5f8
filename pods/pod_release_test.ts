import assert from "node:assert/strict";
import { PodRelease } from "./pod_release.ts";
import { container, ended, observed, running } from "./test_plan.ts";

const { signal } = new AbortController();

Deno.test("PodRelease.run() lets go once, when nothing runs any more", async () => {
  const released: string[] = [];
  const release = new PodRelease({
    endSandbox(uid) {
      released.push(uid);
      return Promise.resolve();
    },
  });
  await release.run(observed(container("app", running)), { signal });
  assert.deepEqual([released, release.isDone], [[], false]);
  const over = observed(container("app", ended(0)));
  await release.run(over, { signal });
  await release.run(over, { signal });
  assert.deepEqual([released, release.isDone], [["u1"], true]);
});

Deno.test("PodRelease.run() is tried again after it has failed", async () => {
  let failures = 1;
  const release = new PodRelease({
    endSandbox: () =>
      failures-- > 0 ? Promise.reject(new Error("away")) : Promise.resolve(),
  });
  await assert.rejects(release.run(observed(), { signal }), /away/);
  assert.equal(release.isDone, false);
  await release.run(observed(), { signal });
  assert.equal(release.isDone, true);
});

Deno.test("PodRelease.run() has nothing to do where the sandbox has stopped", async () => {
  const release = new PodRelease({
    endSandbox: () => Promise.reject(new Error("asked")),
  });
  await release.run({ ...observed(), sandbox: "stopped" }, { signal });
  assert.equal(release.isDone, true);
});

import assert from "node:assert/strict";
import type { PodStatus } from "../k8s/types.ts";
import type { Exit, ObservedPod } from "../providers/runtime.ts";
import { withPublished } from "./published.ts";

const now = new Date("2026-01-01T00:10:00Z");
const startedAt = new Date("2026-01-01T00:00:00Z");
const exit: Exit = {
  code: 3,
  reason: "Error",
  startedAt,
  finishedAt: startedAt,
};

function podWith(attempt: number): ObservedPod {
  return {
    uid: "u",
    sandbox: "ready",
    ips: [],
    containers: [{
      ...{ name: "app", attempt, id: `run-${attempt}` },
      ...{ image: "i", imageId: "sha256:i" },
      state: { kind: "terminated", exit },
    }],
  };
}

const running: PodStatus = {
  containerStatuses: [{
    ...{ name: "app", image: "i", imageID: "sha256:i", ready: true },
    restartCount: 1,
    containerID: "x://run-1",
    state: { running: { startedAt: startedAt.toISOString() } },
  }],
};

Deno.test("withPublished() counts a run that somebody removed, though an earlier one is there", () => {
  const [app] = withPublished(podWith(0), running, now).containers;
  assert.equal(app?.attempt, 1);
  assert.equal(app.id, "run-1");
  assert.ok(app.state.kind === "terminated");
  assert.equal(app.state.exit.reason, "ContainerStatusUnknown");
  assert.deepEqual(app.state.exit.finishedAt, now);
});

Deno.test("withPublished() believes the runtime of the run that was published", () => {
  const observed = podWith(1);
  assert.equal(withPublished(observed, running, now), observed);
});

Deno.test("withPublished() believes the runtime of a run that is newer than what was published", () => {
  const observed = podWith(2);
  assert.equal(withPublished(observed, running, now), observed);
});

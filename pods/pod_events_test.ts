import assert from "node:assert/strict";
import type { PodPlan } from "./plan.ts";
import { PodEvents } from "./pod_events.ts";
import { desiredPod } from "./pod_spec.ts";

const desired = desiredPod({
  metadata: { uid: "u1", name: "web", namespace: "shop" },
  spec: {
    containers: [{ name: "app", image: "a:1" }],
    initContainers: [{ name: "init", image: "a:1" }],
    ephemeralContainers: [{ name: "debug", image: "a:1" }],
  },
});

function recorder() {
  const told: string[] = [];
  const events = new PodEvents({
    record: ({ fieldPath = "" }, { type, reason, message }) =>
      told.push(`${fieldPath} ${type} ${reason}: ${message}`),
  });
  return { told, events };
}

const plan = (more: Partial<PodPlan>): PodPlan => ({
  actions: [],
  waiting: new Map(),
  ...more,
});

Deno.test("PodEvents names the place of each kind of container", () => {
  const { told, events } = recorder();
  for (const name of ["init", "app", "debug"]) {
    events.ofContainer(desired, name)("Normal", "Started", name);
  }
  assert.deepEqual(told, [
    "spec.initContainers{init} Normal Started: init",
    "spec.containers{app} Normal Started: app",
    "spec.ephemeralContainers{debug} Normal Started: debug",
  ]);
});

Deno.test("PodEvents says once of each backoff what the kubelet says", () => {
  const { told, events } = recorder();
  const crash = plan({
    waiting: new Map([["app", {
      reason: "CrashLoopBackOff",
      message: "back-off 5m0s restarting failed container=app",
    }]]),
  });
  const pull = plan({
    waiting: new Map([["app", {
      reason: "ImagePullBackOff",
      message: 'Back-off pulling image "a:1": ErrImagePull: no "a": b',
    }]]),
  });
  const running = plan({});
  for (const each of [crash, crash, running, crash, pull, pull]) {
    events.recordBackoff(desired, each);
  }
  const crashed =
    "spec.containers{app} Warning BackOff: Back-off restarting failed container app in pod web_shop(u1)";
  assert.deepEqual(told, [
    crashed,
    crashed,
    'spec.containers{app} Normal BackOff: Back-off pulling image "a:1"',
    "spec.containers{app} Warning Failed: Error: ImagePullBackOff",
  ]);
});

Deno.test("PodEvents says once that a sandbox is replaced, and that a pod's time is over", () => {
  const { told, events } = recorder();
  const changed = plan({ sandboxChanged: true });
  const over = plan({
    failure: { reason: "DeadlineExceeded", message: "too long" },
  });
  for (const each of [changed, changed, plan({}), changed, over, over]) {
    events.recordPlan(desired, each);
  }
  const replaced =
    " Normal SandboxChanged: Pod sandbox changed, it will be killed and re-created.";
  assert.deepEqual(told, [
    replaced,
    replaced,
    " Normal DeadlineExceeded: too long",
  ]);
});

import assert from "node:assert/strict";
import type { ObservedPod, RunState } from "../providers/runtime.ts";
import { StopGraces } from "./stop_graces.ts";

const running: RunState = { kind: "running", startedAt: new Date(0) };

function observed(...names: string[]): ObservedPod {
  const containers = names.map((name) => ({
    ...{ name, attempt: 0, id: name, image: "a", imageId: "a" },
    state: running,
  }));
  return { uid: "u", sandbox: "ready", ips: [], containers };
}

Deno.test("StopGraces.left() counts from when a container was asked first, down to two seconds", () => {
  const graces = new StopGraces();
  assert.equal(graces.has("a"), false);
  assert.equal(graces.left("a", 30, { now: 0 }), 30);
  assert.equal(graces.has("a"), true);
  assert.equal(graces.left("a", 30, { now: 10_500 }), 20);
  assert.equal(graces.left("a", 30, { now: 99_000 }), 2);
  assert.equal(graces.left("b", 30, { now: 99_000 }), 30);
});

Deno.test("StopGraces.left() takes less grace at once, two seconds at least, and no grace as it is", () => {
  const graces = new StopGraces();
  graces.left("a", 30, { now: 0 });
  assert.equal(graces.left("a", 5, { now: 10_000 }), 5);
  assert.equal(graces.left("a", 30, { now: 11_000 }), 4);
  assert.equal(graces.left("a", 1, { now: 12_000 }), 2);
  assert.equal(graces.left("a", 0, { now: 12_000 }), 0);
});

Deno.test("StopGraces.left() of a pod's containers counts from when the first was asked", () => {
  const graces = new StopGraces();
  const ofPod = true;
  assert.equal(graces.isPodOver(30, 0), false);
  assert.equal(graces.isPodOver(0, 0), true);
  assert.equal(graces.left("app", 30, { ofPod, now: 0 }), 30);
  assert.equal(graces.left("sidecar", 30, { ofPod, now: 25_000 }), 5);
  assert.equal(graces.isPodOver(30, 29_999), false);
  assert.equal(graces.isPodOver(30, 30_000), true);
  assert.equal(graces.left("other", 30, { ofPod, now: 30_000 }), 2);
  // All has ended: a new sandbox has all its time.
  graces.keep(observed());
  assert.equal(graces.left("app", 30, { ofPod, now: 60_000 }), 30);
});

Deno.test("StopGraces.keep() forgets what has ended: its next run has all its time", () => {
  const graces = new StopGraces();
  graces.left("a", 30, { now: 0 });
  graces.left("b", 30, { now: 0 });
  graces.keep(observed("b"));
  assert.equal(graces.left("a", 30, { now: 20_000 }), 30);
  assert.equal(graces.left("b", 30, { now: 20_000 }), 10);
});

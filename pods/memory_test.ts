import assert from "node:assert/strict";
import type { WaitingReason } from "../providers/runtime.ts";
import {
  newMemory,
  type PodMemory,
  withChangedObjects,
  withMount,
  withMountFailure,
  withStartFailure,
  withVolumes,
} from "./memory.ts";

const at = new Date("2026-01-01T00:00:00Z");

function failed(...reasons: WaitingReason[]): PodMemory {
  return reasons.reduce(
    (memory, reason) =>
      withStartFailure(memory, reason, { at, image: "", reason, message: "" }),
    newMemory(at),
  );
}

Deno.test("withChangedObjects() forgets failures that another object may cure, pulls only with secrets", () => {
  const memory = failed(
    "CreateContainerConfigError",
    "ErrImagePull",
    "RunContainerError",
  );
  const left = (openRegistry: boolean) => [
    ...withChangedObjects(memory, { openRegistry }).startFailures.keys(),
  ];
  assert.deepEqual(left(false), ["ErrImagePull", "RunContainerError"]);
  assert.deepEqual(left(true), ["RunContainerError"]);
});

Deno.test("withMountFailure() counts failures until the volumes are made or an object changes", () => {
  const twice = withMountFailure(
    withVolumes(withMountFailure(newMemory(at), at, "a")),
    at,
    "b",
  );
  assert.deepEqual(twice.mountFailure, { failures: 2, at, message: "b" });
  assert.equal(twice.volumes, "stale");
  assert.equal(withMount(withVolumes(twice)).mountFailure, undefined);
  const changed = withChangedObjects(withVolumes(twice), {
    openRegistry: false,
  });
  assert.equal(changed.mountFailure, undefined);
  assert.equal(withMount(changed).volumes, "stale");
});

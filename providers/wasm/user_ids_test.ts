import assert from "node:assert/strict";
import { hasCapabilities } from "./guest_traits.ts";
import { mountsBelow } from "./memory_volume.ts";
import { freeUserId, guestUser, parseUserIds } from "./user_ids.ts";

Deno.test("freeUserId() takes the lowest that is free, and fails when none is", () => {
  const range = { first: 100, last: 102 };
  assert.equal(freeUserId(range, []), 100);
  assert.equal(freeUserId(range, [100, 102, undefined]), 101);
  assert.throws(
    () => freeUserId(range, [100, 101, 102]),
    /all of 100-102 are taken/,
  );
});

Deno.test("parseUserIds() reads a range without root", () => {
  assert.deepEqual(parseUserIds("100-200"), { first: 100, last: 200 });
  for (const text of ["0-10", "10-9", "10", "a-b", "1-4294967295", ""]) {
    assert.equal(parseUserIds(text), undefined, text);
  }
});

Deno.test("guestUser() is the pod's own user unless the pod names another", () => {
  const nobody = { supplementalGroups: [] };
  assert.equal(guestUser(undefined, { ...nobody, runAsUser: 5 }), undefined);
  assert.deepEqual(guestUser(70_000, nobody), {
    uid: 70_000,
    gid: 70_000,
    groups: [],
  });
  assert.deepEqual(
    guestUser(70_000, { runAsUser: 0, supplementalGroups: [7] }),
    { uid: 0, gid: 70_000, groups: [7] },
  );
  assert.deepEqual(
    guestUser(70_000, { ...nobody, runAsUser: 5, runAsGroup: 6 }),
    { uid: 5, gid: 6, groups: [] },
  );
});

Deno.test("hasCapabilities() reads those that are in effect", () => {
  const status = "Name:\tfarlet\nCapEff:\t00000000000000c1\nCapBnd:\tff\n";
  assert.equal(hasCapabilities(status, [0, 6, 7]), true);
  assert.equal(hasCapabilities(status, [0, 21]), false);
  assert.equal(hasCapabilities("", [0]), false);
});

Deno.test("mountsBelow() takes a directory and what is in it, and nothing beside it", () => {
  const table = [
    "36 35 98:0 / / rw - ext4 /dev/sda rw",
    "37 36 0:5 / /state/v rw - tmpfs tmpfs rw",
    "38 37 0:6 / /state/v/a\\040b rw - tmpfs tmpfs rw",
    "39 36 0:7 / /state/volumes rw - tmpfs tmpfs rw",
    "",
  ].join("\n");
  assert.deepEqual(mountsBelow("/state/v", table), [
    "/state/v",
    "/state/v/a b",
  ]);
});

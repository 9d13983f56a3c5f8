import assert from "node:assert/strict";
import { allocatable } from "./allocatable.ts";

const capacity = {
  cpu: "2",
  memory: "1Gi",
  "ephemeral-storage": "10Gi",
  pods: "110",
};

Deno.test("allocatable() is all that a node has, when nothing is reserved", () => {
  assert.deepEqual(allocatable(capacity, []), capacity);
});

Deno.test("allocatable() leaves out what is reserved, amounts and shares", () => {
  const left = allocatable(capacity, [
    { resource: "cpu", amount: { kind: "quantity", amount: 250 } },
    { resource: "memory", amount: { kind: "quantity", amount: 100 << 20 } },
    { resource: "memory", amount: { kind: "quantity", amount: 24 << 20 } },
    { resource: "ephemeral-storage", amount: { kind: "share", share: 0.1 } },
  ]);
  assert.deepEqual(left, {
    cpu: "1750m",
    memory: "900Mi",
    "ephemeral-storage": "9Gi",
    pods: "110",
  });
});

Deno.test("allocatable() is nothing where more is reserved than there is", () => {
  const amount = { kind: "quantity", amount: 2 ** 40 } as const;
  const { memory } = allocatable(capacity, [{ resource: "memory", amount }]);
  assert.equal(memory, "0");
});

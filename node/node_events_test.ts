import assert from "node:assert/strict";
import type { Node } from "../k8s/types.ts";
import { NodeEvents } from "./node_events.ts";

function node(
  conditions: Readonly<Record<string, "True" | "False" | "Unknown">>,
  { bootID = "b1", unschedulable = false } = {},
): Node {
  return {
    metadata: { name: "edge-1", uid: "u1" },
    spec: { unschedulable },
    status: {
      conditions: Object.entries(conditions).map(([type, status]) => ({
        type,
        status,
      })),
      nodeInfo: { bootID } as NonNullable<Node["status"]>["nodeInfo"] & object,
    },
  };
}

function recorder() {
  const told: string[] = [];
  const events = new NodeEvents({
    record: ({ kind, name, uid }, { type, reason, message }) =>
      told.push(`${kind} ${name} ${uid} ${type} ${reason}: ${message}`),
  });
  return { told, events };
}

const said = (reason: string) =>
  `Node edge-1 u1 Normal ${reason}: Node edge-1 status is now: ${reason}`;
const fine = {
  Ready: "True",
  MemoryPressure: "False",
  DiskPressure: "False",
  PIDPressure: "False",
} as const;

Deno.test("NodeEvents says of a new node all that the kubelet does", () => {
  const { told, events } = recorder();
  const created = node({ ...fine, Ready: "False", Other: "True" });
  events.recordStart(created);
  events.recordPublished(undefined, created);
  assert.deepEqual(told, [
    "Node edge-1 u1 Normal Starting: Starting kubelet.",
    said("NodeNotReady"),
    said("NodeHasSufficientMemory"),
    said("NodeHasNoDiskPressure"),
    said("NodeHasSufficientPID"),
  ]);
});

Deno.test("NodeEvents says what has changed, also from what others have said", () => {
  const { told, events } = recorder();
  events.recordPublished(node(fine), node(fine));
  assert.deepEqual(told, []);
  events.recordPublished(node({ ...fine, Ready: "Unknown" }), node(fine));
  const pressed = node({ ...fine, DiskPressure: "True" });
  events.recordPublished(node(fine), pressed);
  assert.deepEqual(told, [said("NodeReady"), said("NodeHasDiskPressure")]);
});

Deno.test("NodeEvents warns of a reboot", () => {
  const { told, events } = recorder();
  const unknown = node(fine, { bootID: "" });
  events.recordPublished(unknown, node(fine));
  events.recordPublished(node(fine), node(fine, { bootID: "b2" }));
  assert.deepEqual(told, [
    "Node edge-1 u1 Warning Rebooted: Node edge-1 has been rebooted, boot id: b2",
  ]);
});

Deno.test("NodeEvents says once that a node is cordoned, and once that it is not", () => {
  const { told, events } = recorder();
  for (const unschedulable of [false, true, true, false, false]) {
    events.recordSchedulable(node(fine, { unschedulable }));
  }
  assert.deepEqual(told, [said("NodeNotSchedulable"), said("NodeSchedulable")]);
});

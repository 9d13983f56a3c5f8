import assert from "node:assert/strict";
import type { Pod, PodCondition } from "../k8s/types.ts";
import {
  publishedResize,
  resizeConditions,
  resizeMessage,
  type ResizeState,
} from "./resize_conditions.ts";
import { after, start } from "./test_plan.ts";

const pending = {
  reason: "Deferred",
  message: "no room",
  generation: 3,
} as const;

Deno.test("resizeConditions() has a condition only while something is left to do", () => {
  assert.deepEqual(resizeConditions({}, undefined, start), []);
  const inProgress = { generation: 2 };
  const found = resizeConditions({ pending, inProgress }, undefined, start);
  assert.deepEqual(found, [{
    type: "PodResizePending",
    status: "True",
    observedGeneration: 3,
    reason: "Deferred",
    message: "no room",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  }, {
    type: "PodResizeInProgress",
    status: "True",
    observedGeneration: 2,
    lastTransitionTime: "2026-01-01T00:00:00Z",
  }]);
});

Deno.test("resizeConditions() keeps the time of a reason that still holds", () => {
  const before = {
    conditions: [...resizeConditions({ pending }, undefined, start)],
  };
  const [same] = resizeConditions({ pending }, before, after(5));
  assert.equal(same?.lastTransitionTime, "2026-01-01T00:00:00Z");
  const infeasible = { ...pending, reason: "Infeasible" } as const;
  const [other] = resizeConditions({ pending: infeasible }, before, after(5));
  assert.equal(other?.lastTransitionTime, "2026-01-01T00:00:05Z");
});

Deno.test("publishedResize() reads what resizeConditions() wrote", () => {
  const states: ResizeState[] = [
    {},
    { pending },
    { inProgress: { generation: 2 } },
    { pending, inProgress: { generation: 2, error: "too small" } },
  ];
  for (const state of states) {
    const conditions = resizeConditions(
      state,
      undefined,
      start,
    ) as PodCondition[];
    assert.deepEqual(publishedResize({ status: { conditions } }), state);
  }
});

Deno.test("resizeMessage() is the kubelet's", () => {
  const pod: Pod = {
    spec: {
      initContainers: [{
        name: "c0",
        resources: { requests: { cpu: "100m" }, limits: { cpu: "200m" } },
      }],
      containers: [{
        name: "c1",
        resources: {
          limits: { memory: "200" },
          requests: { memory: "100", cpu: "1" },
        },
      }, { name: "c2" }],
    },
  };
  assert.equal(
    resizeMessage("completed", pod, { generation: 2 }),
    'Pod resize completed: {"initContainers":[{"name":"c0","resources":{"limits":{"cpu":"200m"},"requests":{"cpu":"100m"}}}],"containers":[{"name":"c1","resources":{"limits":{"memory":"200"},"requests":{"cpu":"1","memory":"100"}}},{"name":"c2","resources":{}}],"generation":2}',
  );
  assert.equal(
    resizeMessage("error", {}, { generation: 1, error: "why" }),
    'Pod resize error: {"generation":1,"error":"why"}',
  );
});

import assert from "node:assert/strict";
import type { Pod } from "../k8s/types.ts";
import {
  shutdownGraceMs,
  type ShutdownGroup,
  shutdownGroups,
  shutdownSteps,
} from "./shutdown_steps.ts";

type Spec = Partial<NonNullable<Pod["spec"]>>;

function pod(name: string, spec: Spec = {}): Pod {
  return { metadata: { name, uid: name }, spec: { containers: [], ...spec } };
}

const critical: Spec = { priority: 2_000_001_000 };
const usual = shutdownGroups(30_000, 10_000);
const byPriority = [
  { priority: 100_000, graceMs: 10_000 },
  { priority: 0, graceMs: 60_000 },
  { priority: 1_000, graceMs: 0 },
];

/** Steps as `a:20 b:5 /20000`: pods with their seconds, and how long they are waited for. */
const table: readonly (readonly [
  claim: string,
  pods: readonly Pod[],
  groups: readonly ShutdownGroup[],
  maxDelayMs: number,
  want: readonly string[],
])[] = [
  ["has no steps without pods", [], usual, 60_000, []],
  [
    "ends critical pods last, in their own time",
    [pod("c", critical), pod("a"), pod("b", { priority: 1_000_000_000 })],
    usual,
    30_000,
    ["a:20 b:20 /20000", "c:10 /10000"],
  ],
  [
    "leaves out groups without pods",
    [pod("c", critical)],
    usual,
    60_000,
    ["c:10 /10000"],
  ],
  [
    "gives no pod more than it asks for, and a second at the least",
    [
      pod("a", { terminationGracePeriodSeconds: 5 }),
      pod("b", { terminationGracePeriodSeconds: 300 }),
      pod("c", { terminationGracePeriodSeconds: 0 }),
    ],
    usual,
    60_000,
    ["a:5 b:20 c:1 /20000"],
  ],
  [
    "gives each group its share of the time that the machine waits",
    [pod("a"), pod("c", critical)],
    usual,
    6_000,
    ["a:4 /4000", "c:2 /2000"],
  ],
  [
    "has a second for a pod where there is no time at all",
    [pod("a")],
    usual,
    0,
    ["a:1 /0"],
  ],
  [
    "groups by priority from the lowest up; what is below the first belongs to it",
    [
      pod("low", { priority: -5 }),
      pod("none"),
      pod("at", { priority: 1_000 }),
      pod("under", { priority: 99_999 }),
      pod("top", critical),
    ],
    byPriority,
    100_000,
    ["low:30 none:30 /60000", "at:1 under:1 /0", "top:10 /10000"],
  ],
];
for (const [claim, pods, groups, maxDelayMs, want] of table) {
  Deno.test(`shutdownSteps() ${claim}`, () => {
    const steps = shutdownSteps(pods, { groups }, { maxDelayMs });
    const shown = steps.map(({ pods, waitMs }) => {
      const each = pods.map(({ pod, graceSeconds }) =>
        `${pod.metadata?.name}:${graceSeconds}`
      );
      return `${each.join(" ")} /${waitMs}`;
    });
    assert.deepEqual(shown, want);
  });
}

Deno.test("shutdownGroups() has none where pods get no time", () => {
  assert.deepEqual(shutdownGroups(0, 0), []);
  assert.equal(shutdownGraceMs({ groups: usual }), 30_000);
});

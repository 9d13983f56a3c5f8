import assert from "node:assert/strict";
import type { Pod } from "../k8s/types.ts";
import type { ObservedContainer, RunState } from "../providers/runtime.ts";
import { newMemory, withNewSandbox, withVolumes } from "./memory.ts";
import {
  after,
  brief,
  container,
  ended,
  observed,
  plan,
  running,
  start,
} from "./test_plan.ts";

const first = [{ name: "one", image: "a:1" }];
const stoppedSandboxes: readonly (readonly [
  claim: string,
  spec: Partial<NonNullable<Pod["spec"]>>,
  seen: readonly ObservedContainer[],
  want: string,
  changed: boolean,
])[] = [
  [
    "ends what still runs in it first",
    { initContainers: first },
    [container("one", ended(0)), container("app", running)],
    "stop app 30s",
    true,
  ],
  [
    "is made anew, with what ran in it",
    {},
    [container("app", ended(137))],
    "createSandbox, start app#1",
    true,
  ],
  [
    "is made anew only after the backoff of what runs in it",
    {},
    [container("app", ended(0), 3)],
    "",
    true,
  ],
  [
    "starts from the init containers, however they ended",
    { initContainers: first },
    [container("one", ended(0), 2), container("app", ended(137), 4)],
    "createSandbox, start one#3",
    true,
  ],
  [
    "is made anew for what never ran in it",
    {},
    [],
    "createSandbox, start app#0",
    true,
  ],
  [
    "is left alone when all ended well",
    { restartPolicy: "OnFailure", initContainers: first },
    [container("one", ended(0)), container("app", ended(0))],
    "",
    false,
  ],
  [
    "is made anew for what failed",
    { restartPolicy: "OnFailure" },
    [container("app", ended(137))],
    "createSandbox, start app#1",
    true,
  ],
  [
    "ends what runs in a pod that never restarts",
    { restartPolicy: "Never" },
    [container("app", running)],
    "stop app 30s",
    false,
  ],
  [
    "is left alone when nothing may restart",
    { restartPolicy: "Never" },
    [container("app", ended(137))],
    "",
    false,
  ],
  [
    "is left alone when an init container has failed for good",
    { restartPolicy: "Never", initContainers: first },
    [container("one", ended(137))],
    "",
    false,
  ],
  [
    "starts the init containers again where no container had its turn",
    { restartPolicy: "Never", initContainers: first },
    [container("one", ended(0))],
    "createSandbox, start one#1",
    true,
  ],
];
for (const [claim, spec, seen, want, changed] of stoppedSandboxes) {
  Deno.test(`planPod() a sandbox that has stopped ${claim}`, () => {
    const stopped = { ...observed(...seen), sandbox: "stopped" } as const;
    const result = plan(spec, stopped);
    assert.equal(brief(result), want);
    assert.equal(result.sandboxChanged ?? false, changed);
  });
}

Deno.test("planPod() writes volumes anew in a new sandbox", () => {
  const volumes = [{ name: "v", emptyDir: {} }];
  const memory = withVolumes(newMemory(start));
  const seen = observed(container("app", ended(137)));
  assert.equal(brief(plan({ volumes }, seen, { memory })), "start app#1");
  const stopped = { ...seen, sandbox: "stopped" } as const;
  assert.equal(
    brief(plan({ volumes }, stopped, { memory })),
    "createSandbox, setVolumes, start app#1",
  );
});

Deno.test("planPod() runs all init containers in a new sandbox before the others", () => {
  const initContainers = [...first, { name: "two", image: "a:1" }];
  const before = [
    container("one", ended(0)),
    container("two", ended(0)),
    container("app", ended(137), 2),
  ];
  const memory = withNewSandbox(newMemory(start), before);
  const step = (...seen: ObservedContainer[]) =>
    brief(
      plan({ initContainers }, observed(...seen), { memory, now: after(99) }),
    );
  const again = (name: string, state: RunState): ObservedContainer => ({
    ...container(name, state, 1),
    id: `${name}-again`,
  });
  const [one, two, app] = before as [
    ObservedContainer,
    ObservedContainer,
    ObservedContainer,
  ];
  assert.equal(step(one, two, app), "start one#1");
  assert.equal(step(again("one", running), two, app), "");
  const oneDone = again("one", ended(0));
  assert.equal(step(oneDone, two, app), "start two#1");
  assert.equal(step(oneDone, again("two", ended(0)), app), "start app#3");
});

Deno.test("planPod() knows by their times that init containers run again, without memory", () => {
  const initContainers = [...first, { name: "two", image: "a:1" }];
  const step = (...seen: ObservedContainer[]) =>
    brief(plan({ initContainers }, observed(...seen), { now: after(99) }));
  const one = container("one", ended(0, 21, 20), 1);
  const app = container("app", ended(137, 10, 5));
  assert.equal(step(one, container("two", ended(0, 4, 3)), app), "start two#1");
  const two = container("two", ended(0, 23, 22), 1);
  assert.equal(step(one, two, app), "start app#1");
  assert.equal(step(one, two, container("app", running, 1)), "");
});

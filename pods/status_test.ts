import assert from "node:assert/strict";
import type { Pod, PodStatus } from "../k8s/types.ts";
import type { ObservedPod, RunState } from "../providers/runtime.ts";
import { newMemory } from "./memory.ts";
import { planPod } from "./plan.ts";
import { desiredPod } from "./pod_spec.ts";
import { withPublished } from "./published.ts";
import { podStatus } from "./status.ts";
import { statusPatch } from "./status_patch.ts";

const start = new Date("2026-01-01T00:00:00.250Z");
const now = new Date("2026-01-01T00:00:05.750Z");

function pod(spec: Partial<NonNullable<Pod["spec"]>> = {}): Pod {
  return {
    metadata: { name: "web", namespace: "default", uid: "u1" },
    spec: {
      restartPolicy: "Never",
      containers: [{ name: "app", image: "a:1" }],
      ...spec,
    },
  };
}

const running: RunState = { kind: "running", startedAt: start };

function ended(code: number): RunState {
  const reason = code === 0 ? "Completed" : "Error";
  return {
    kind: "terminated",
    exit: { code, reason, startedAt: start, finishedAt: now },
  };
}

function seen(states: Readonly<Record<string, RunState>>): ObservedPod {
  return {
    uid: "u1",
    sandbox: "ready",
    ips: [],
    containers: Object.entries(states).map(([name, state]) => ({
      name,
      attempt: 0,
      id: `id-${name}`,
      image: "a:1",
      imageId: "sha256:1",
      state,
    })),
  };
}

function status(
  object: Pod,
  observed: ObservedPod,
  { before = object.status, stopped = false }: {
    before?: PodStatus | undefined;
    stopped?: boolean;
  } = {},
): PodStatus {
  const desired = desiredPod(object);
  const memory = newMemory(start);
  return podStatus({
    desired,
    observed,
    plan: planPod(desired, observed, memory, now),
    memory,
    before,
    nodeIps: ["192.0.2.1"],
    runtimeName: "wasm",
    stopped,
  }, now);
}

function condition(
  { conditions }: PodStatus,
  type: string,
): string | undefined {
  const found = conditions?.find((condition) => condition.type === type);
  return found && [found.status, found.reason].filter(Boolean).join(" ");
}

const phases: [string, Pod, ObservedPod, string][] = [
  ["not started", pod(), seen({}), "Pending"],
  ["running", pod(), seen({ app: running }), "Running"],
  ["done", pod(), seen({ app: ended(0) }), "Succeeded"],
  ["failed", pod(), seen({ app: ended(3) }), "Failed"],
  [
    "failed but restarted",
    pod({ restartPolicy: "OnFailure" }),
    seen({ app: ended(3) }),
    "Running",
  ],
  [
    "done but restarted",
    pod({ restartPolicy: "Always" }),
    seen({ app: ended(0) }),
    "Running",
  ],
  [
    "half started",
    pod({
      containers: [{ name: "app", image: "a" }, { name: "b", image: "a" }],
    }),
    seen({ app: running }),
    "Pending",
  ],
  [
    "initializing",
    pod({ initContainers: [{ name: "init", image: "a" }] }),
    seen({ init: running }),
    "Pending",
  ],
  [
    "failed to initialize",
    pod({ initContainers: [{ name: "init", image: "a" }] }),
    seen({ init: ended(1) }),
    "Failed",
  ],
];
for (const [claim, object, observed, want] of phases) {
  Deno.test(`podStatus() of a pod that is ${claim} has phase ${want}`, () => {
    assert.equal(status(object, observed).phase, want);
  });
}

Deno.test("podStatus() never leaves a phase that was published as the end", () => {
  const object = { ...pod(), status: { phase: "Failed" } };
  assert.equal(status(object, seen({ app: running })).phase, "Failed");
});

Deno.test("podStatus() never goes back from Running to Pending", () => {
  const object = { ...pod(), status: { phase: "Running" } };
  assert.equal(status(object, seen({})).phase, "Running");
});

Deno.test("podStatus() says that a pod has failed when nothing of it runs any more", () => {
  const late = pod({ activeDeadlineSeconds: 1 });
  const { phase, reason } = status(late, seen({ app: running }));
  assert.deepEqual({ phase, reason }, { phase: "Running", reason: undefined });
  const failed = status(late, seen({ app: ended(143) }));
  assert.equal(failed.phase, "Failed");
  assert.equal(failed.reason, "DeadlineExceeded");
});

Deno.test("podStatus() of a deleted pod says how it ended, also for what never ran", () => {
  const stopped = { stopped: true };
  const always = pod({ restartPolicy: "Always" });
  assert.equal(
    status(always, seen({ app: ended(0) }), stopped).phase,
    "Succeeded",
  );
  const never = status(always, seen({}), stopped);
  assert.equal(never.phase, "Failed");
  const { terminated } = never.containerStatuses?.[0]?.state ?? {};
  assert.equal(terminated?.reason, "ContainerStatusUnknown");
});

Deno.test("podStatus() keeps the addresses of a sandbox that has stopped until there are others", () => {
  const always = pod({ restartPolicy: "Always" });
  const up = { ...seen({ app: running }), ips: ["10.0.0.1"] };
  const before = status(always, up);
  const down = { ...seen({ app: ended(137) }), sandbox: "stopped" } as const;
  const stopped = status(always, down, { before });
  assert.equal(stopped.podIP, "10.0.0.1");
  assert.equal(stopped.phase, "Running");
  assert.equal(condition(stopped, "PodReadyToStartContainers"), "False");
  const { podIP } = status(always, { ...up, ips: ["10.0.0.2"] }, {
    before: stopped,
  });
  assert.equal(podIP, "10.0.0.2");
});

Deno.test("podStatus() shows a pod with a new sandbox as initializing again", () => {
  const object = pod({
    restartPolicy: "Always",
    initContainers: [{ name: "init", image: "a" }],
  });
  const down = {
    ...seen({ init: ended(0), app: ended(137) }),
    sandbox: "stopped",
  } as const;
  const { initContainerStatuses, containerStatuses, ...rest } = status(
    object,
    down,
  );
  assert.equal(
    condition(rest, "Initialized"),
    "False ContainersNotInitialized",
  );
  assert.equal(initContainerStatuses?.[0]?.ready, false);
  const { state, lastState } = containerStatuses?.[0] ?? {};
  assert.equal(state?.waiting?.reason, "PodInitializing");
  assert.equal(lastState?.terminated?.exitCode, 137);
});

Deno.test("podStatus() shows a run that a reboot ended as the last state, and counts the restart", () => {
  const object = pod({ restartPolicy: "Always" });
  const exit = {
    code: 137,
    reason: "ContainerStatusUnknown",
    startedAt: start,
    finishedAt: now,
  } as const;
  const [app] = seen({ app: running }).containers;
  assert.ok(app);
  const lost = {
    ...seen({}),
    sandbox: "stopped",
    containers: [{ ...app, attempt: 2, state: { kind: "terminated", exit } }],
  } as const;
  const down = status(object, lost).containerStatuses?.[0];
  assert.equal(down?.restartCount, 2);
  const [last] = lost.containers;
  const up = status(object, {
    ...seen({}),
    containers: [{
      ...app,
      id: "id-3",
      attempt: 3,
      lastExit: { ...last.state.exit, id: last.id },
    }],
  }).containerStatuses?.[0];
  assert.equal(up?.restartCount, 3);
  assert.equal(up?.lastState?.terminated?.reason, "ContainerStatusUnknown");
  assert.equal(up?.lastState?.terminated?.containerID, "wasm://id-app");
});

Deno.test("podStatus() sets the conditions of the kubelet", () => {
  const up = status(pod(), seen({ app: running }));
  assert.equal(condition(up, "Ready"), "True");
  assert.equal(condition(up, "Initialized"), "True");
  assert.equal(condition(up, "PodReadyToStartContainers"), "True");
  const done = status(pod(), seen({ app: ended(0) }));
  assert.equal(condition(done, "Ready"), "False PodCompleted");
  assert.equal(condition(done, "Initialized"), "True PodCompleted");
  const failed = status(pod(), seen({ app: ended(1) }));
  assert.equal(condition(failed, "ContainersReady"), "False PodFailed");
  const fresh = status(pod(), seen({}));
  assert.equal(condition(fresh, "Ready"), "False ContainersNotReady");
});

Deno.test("podStatus() waits for readiness gates", () => {
  const gated = pod({ readinessGates: [{ conditionType: "example.com/up" }] });
  const closed = status(gated, seen({ app: running }));
  assert.equal(condition(closed, "Ready"), "False ReadinessGatesNotReady");
  const conditions = [{ type: "example.com/up", status: "True" }];
  const open = { ...gated, status: { conditions } };
  assert.equal(
    condition(status(open, seen({ app: running })), "Ready"),
    "True",
  );
});

Deno.test("podStatus() keeps the time of a condition that has not changed", () => {
  const first = status(pod(), seen({ app: running }));
  const early = "2020-01-01T00:00:00Z";
  const before = {
    ...first,
    conditions: first.conditions?.map((c) => ({
      ...c,
      lastTransitionTime: early,
    })) ?? [],
  };
  const again = status(pod(), seen({ app: ended(0) }), { before });
  const time = (type: string) =>
    again.conditions?.find((c) => c.type === type)?.lastTransitionTime;
  assert.equal(time("PodScheduled"), early);
  assert.equal(time("Ready"), "2026-01-01T00:00:05Z");
});

Deno.test("statusPatch() is nothing when the server has the status, whatever others added", () => {
  const made = status(pod(), seen({ app: running }));
  const server: PodStatus = {
    ...made,
    qosClass: "BestEffort",
    conditions: [
      ...made.conditions ?? [],
      { type: "DisruptionTarget", status: "True" },
    ],
  };
  assert.equal(statusPatch(server, made), undefined);
});

Deno.test("statusPatch() replaces the IP addresses of before", () => {
  const before: PodStatus = { podIPs: [{ ip: "10.0.0.1" }] };
  const after: PodStatus = { podIPs: [{ ip: "10.0.0.2" }] };
  assert.deepEqual(statusPatch(before, after), {
    podIPs: [{ ip: "10.0.0.2" }, { $patch: "replace" }],
  });
  assert.deepEqual(statusPatch(undefined, after), after);
});

Deno.test("statusPatch() holds only what differs, and null for what is gone", () => {
  const before = status(pod(), seen({ app: running }));
  const after = status(pod(), seen({ app: ended(0) }), { before });
  const patch = statusPatch({ ...before, message: "old" }, after);
  assert.deepEqual(Object.keys(patch ?? {}).toSorted(), [
    "conditions",
    "containerStatuses",
    "message",
    "phase",
  ]);
  assert.equal(patch?.["message"], null);
  const types = (patch?.["conditions"] as { type: string }[]).map(({ type }) =>
    type
  );
  assert.ok(!types.includes("PodScheduled"));
});

Deno.test("statusPatch() takes back why a condition did not hold", () => {
  const type = "Ready";
  const because = { reason: "ContainersNotReady", message: "[app]" };
  const before: PodStatus = {
    conditions: [{ type, status: "False", ...because }],
  };
  const after: PodStatus = { conditions: [{ type, status: "True" }] };
  assert.deepEqual(statusPatch(before, after), {
    conditions: [{ type, status: "True", reason: null, message: null }],
  });
  assert.deepEqual(statusPatch(undefined, after), after);
});

Deno.test("withPublished() counts a run that only the API remembers as ended", () => {
  const published = status(pod(), seen({ app: ended(0) }));
  const known = withPublished(seen({}), published, now);
  assert.deepEqual(known.containers[0]?.state, {
    kind: "terminated",
    exit: {
      code: 0,
      reason: "Completed",
      startedAt: new Date("2026-01-01T00:00:00Z"),
      finishedAt: new Date("2026-01-01T00:00:05Z"),
    },
  });
});

Deno.test("withPublished() counts a run that nobody saw end as killed", () => {
  const published = status(pod(), seen({ app: running }));
  const [app] = withPublished(seen({}), published, now).containers;
  assert.ok(app?.state.kind === "terminated");
  assert.equal(app.state.exit.code, 137);
  assert.equal(app.state.exit.reason, "ContainerStatusUnknown");
  assert.equal(app.id, "id-app");
});

Deno.test("withPublished() believes the runtime first", () => {
  const published = status(pod(), seen({ app: ended(1) }));
  const observed = seen({ app: running });
  assert.equal(withPublished(observed, published, now), observed);
});

Deno.test("withPublished() keeps how the run before ended, which the runtime has cleared away", () => {
  const [app] = seen({ app: running }).containers;
  assert.ok(app);
  const lastExit = {
    code: 3,
    reason: "Error",
    startedAt: new Date("2026-01-01T00:00:00Z"),
    finishedAt: new Date("2026-01-01T00:00:01Z"),
    id: "id-before",
  } as const;
  const full = { ...seen({}), containers: [{ ...app, attempt: 1, lastExit }] };
  const published = status(pod(), full);
  const bare = { ...seen({}), containers: [{ ...app, attempt: 1 }] };
  const [known] = withPublished(bare, published, now).containers;
  assert.deepEqual(known?.lastExit, lastExit);
  assert.equal(withPublished(full, published, now), full);
  const [lost] = withPublished(seen({}), published, now).containers;
  assert.deepEqual(lost?.lastExit, lastExit);
  const next = { ...seen({}), containers: [{ ...app, attempt: 2, id: "new" }] };
  assert.equal(withPublished(next, published, now), next);
});

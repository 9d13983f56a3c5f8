import assert from "node:assert/strict";
import fc from "fast-check";
import {
  newMemory,
  withMountFailure,
  withStart,
  withStartFailure,
  withVolumes,
} from "./memory.ts";
import { planPod } from "./plan.ts";
import { desiredPod } from "./pod_spec.ts";
import {
  absent,
  after,
  brief,
  container,
  ended,
  observed,
  plan,
  pod,
  running,
  start,
} from "./test_plan.ts";

Deno.test("planPod() makes the sandbox and the volumes before the first start", () => {
  const volumes = [{ name: "v", emptyDir: {} }];
  assert.equal(brief(plan({}, absent)), "createSandbox, start app#0");
  assert.equal(
    brief(plan({ volumes }, absent)),
    "createSandbox, setVolumes, start app#0",
  );
});

Deno.test("planPod() leaves a running pod alone", () => {
  const result = plan({}, observed(container("app", running)));
  assert.deepEqual(result, { actions: [], waiting: new Map() });
});

Deno.test("planPod() writes stale volumes of a running pod", () => {
  const volumes = [{ name: "v", emptyDir: {} }];
  const seen = observed(container("app", running));
  assert.equal(brief(plan({ volumes }, seen)), "setVolumes");
});

Deno.test("planPod() runs init containers one after the other", () => {
  const initContainers = [{ name: "one", image: "a:1" }, {
    name: "two",
    image: "a:1",
  }];
  assert.equal(
    brief(plan({ initContainers }, absent)),
    "createSandbox, start one#0",
  );
  const first = observed(container("one", running));
  const waiting = plan({ initContainers }, first);
  assert.equal(brief(waiting), "");
  assert.equal(waiting.waiting.get("app")?.reason, "PodInitializing");
  const second = observed(container("one", ended(0)));
  assert.equal(brief(plan({ initContainers }, second)), "start two#0");
  const both = observed(
    container("one", ended(0)),
    container("two", ended(0)),
  );
  assert.equal(brief(plan({ initContainers }, both)), "start app#0");
});

Deno.test("planPod() restarts a failed init container unless the policy is Never", () => {
  const initContainers = [{ name: "one", image: "a:1" }];
  const seen = observed(container("one", ended(1)));
  assert.equal(brief(plan({ initContainers }, seen)), "start one#1");
  const never = plan({ initContainers, restartPolicy: "Never" }, seen);
  assert.equal(brief(never), "");
});

const restarts: [policy: string, code: number, want: string][] = [
  ["Always", 0, "start app#1"],
  ["Always", 1, "start app#1"],
  ["OnFailure", 0, ""],
  ["OnFailure", 1, "start app#1"],
  ["Never", 0, ""],
  ["Never", 1, ""],
];
for (const [restartPolicy, code, want] of restarts) {
  Deno.test(`planPod() with ${restartPolicy} after exit code ${code}: "${want}"`, () => {
    const seen = observed(container("app", ended(code)));
    assert.equal(brief(plan({ restartPolicy }, seen)), want);
  });
}

Deno.test("planPod() backs off from the second restart on: 10 s doubling to 300 s", () => {
  const waits = [1, 2, 3, 4, 5, 6, 7].map((attempt) => {
    const seen = observed(container("app", ended(1, 1), attempt));
    const result = plan({}, seen, { now: after(1) });
    assert.equal(result.waiting.get("app")?.reason, "CrashLoopBackOff");
    return result.requeueAfter;
  });
  assert.deepEqual(waits, [10, 20, 40, 80, 160, 300, 300].map((s) => s * 1000));
});

Deno.test("planPod() says the backoff as the kubelet does", () => {
  const seen = observed(container("app", ended(1, 1), 4));
  const message = plan({}, seen).waiting.get("app")?.message;
  assert.equal(
    message,
    "back-off 1m20s restarting failed container=app pod=web_default(u1)",
  );
});

Deno.test("planPod() restarts when the backoff is over", () => {
  const seen = observed(container("app", ended(1, 1), 1));
  assert.equal(brief(plan({}, seen, { now: after(10) })), "");
  assert.equal(brief(plan({}, seen, { now: after(11) })), "start app#2");
});

Deno.test("planPod() forgets earlier crashes after a run of ten minutes", () => {
  const long = observed(container("app", ended(1, 600), 9));
  const short = observed(container("app", ended(1, 599), 9));
  assert.equal(brief(plan({}, long, { now: after(600) })), "start app#10");
  assert.equal(brief(plan({}, short, { now: after(600) })), "");
});

Deno.test("planPod() shows a failed pull first as such and then as backing off", () => {
  const memory = withStartFailure(newMemory(start), "app", {
    at: start,
    image: "a:1",
    reason: "ErrImagePull",
    message: "no such image",
  });
  const reason = (seconds: number) =>
    plan({}, absent, { memory, now: after(seconds) }).waiting.get("app")
      ?.reason;
  assert.equal(reason(0.5), "ErrImagePull");
  assert.equal(reason(5), "ImagePullBackOff");
  assert.equal(
    brief(plan({}, absent, { memory, now: after(10) })),
    "createSandbox, start app#0",
  );
  // While it is tried again, it is not as if nothing had happened.
  assert.equal(reason(10), "ImagePullBackOff");
});

Deno.test("planPod() starts a container at once whose image was changed after it could not be had", () => {
  const memory = withStartFailure(newMemory(start), "app", {
    at: start,
    image: "a:0",
    reason: "ErrImagePull",
    message: "no such image",
  });
  const now = plan({}, absent, { memory, now: after(1) });
  assert.equal(brief(now), "createSandbox, start app#0");
  assert.deepEqual(now.waiting.get("app"), { reason: "ContainerCreating" });
});

Deno.test("planPod() lets a run that could not be started back off as one that has crashed", () => {
  const memory = withStartFailure(newMemory(start), "app", {
    at: start,
    image: "a:1",
    reason: "RunContainerError",
    message: "no such file",
  });
  const failed = ended(128);
  if (failed.kind !== "terminated") assert.fail();
  const exit = { ...failed.exit, reason: "StartError" } as const;
  const seen = observed(container("app", { kind: "terminated", exit }));
  const first = plan({}, seen, { memory, now: after(2) });
  assert.equal(brief(first), brief(plan({}, seen, { now: after(2) })));
  // As the kubelet shows it until it backs off.
  assert.deepEqual(first.waiting.get("app"), {
    reason: "RunContainerError",
    message: "no such file",
  });
  const restarted = withStart(memory, "app", 1);
  const again = plan({}, seen, {
    memory: withStartFailure(restarted, "app", {
      at: after(2),
      image: "a:1",
      reason: "RunContainerError",
      message: "no such file",
    }),
    now: after(2),
  });
  assert.equal(again.waiting.get("app")?.reason, "CrashLoopBackOff");
});

Deno.test("planPod() fails a pod at its deadline and stops what runs", () => {
  const spec = { activeDeadlineSeconds: 5, terminationGracePeriodSeconds: 3 };
  const seen = observed(container("app", running));
  const before = plan(spec, seen, { now: after(2) });
  assert.equal(before.requeueAfter, 3_000);
  const at = plan(spec, seen, { now: after(5) });
  assert.equal(brief(at), "stop app 3s");
  assert.equal(at.failure?.reason, "DeadlineExceeded");
});

Deno.test("planPod() starts nothing in a pod that the API says has ended", () => {
  const desired = desiredPod({ ...pod(), status: { phase: "Failed" } });
  const stop = planPod(
    desired,
    observed(container("app", running)),
    newMemory(start),
    start,
  );
  assert.equal(brief(stop), "stop app 30s");
  assert.equal(brief(planPod(desired, absent, newMemory(start), start)), "");
});

Deno.test("planPod() waits longer after each volume that could not be made", () => {
  const volumes = [{ name: "v", emptyDir: {} }];
  let memory = newMemory(start);
  const waits: (number | undefined)[] = [];
  for (let i = 0; i < 4; i++) {
    memory = withMountFailure(withVolumes(memory), after(1), "no");
    const result = plan({ volumes }, absent, { memory, now: after(1) });
    waits.push(result.requeueAfter);
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000]);
});

Deno.test("planPod() never starts a container twice, nor one that runs", () => {
  const state = fc.oneof(
    fc.constant(running),
    fc.nat(2).map((code) => ended(code)),
  );
  const names = ["one", "two", "app", "side"];
  fc.assert(fc.property(
    fc.subarray(names),
    fc.array(state, { minLength: 4, maxLength: 4 }),
    fc.constantFrom("Always", "OnFailure", "Never"),
    fc.nat(4000),
    (present, states, restartPolicy, seconds) => {
      const seen = observed(
        ...present.map((name, i) => container(name, states[i] ?? running)),
      );
      const spec = {
        restartPolicy,
        initContainers: [{ name: "one", image: "a" }, {
          name: "two",
          image: "a",
        }],
        containers: [{ name: "app", image: "a" }, { name: "side", image: "a" }],
      };
      const { actions } = plan(spec, seen, { now: after(seconds) });
      const starts = actions.flatMap((action) =>
        action.kind === "startContainer" ? [action.container.name] : []
      );
      assert.equal(new Set(starts).size, starts.length);
      for (const { name, state } of seen.containers) {
        if (state.kind === "running") assert.ok(!starts.includes(name));
      }
    },
  ));
});

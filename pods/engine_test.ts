import assert from "node:assert/strict";
import { TaskGroup } from "../async/task_group.ts";
import type { Pod, PodStatus } from "../k8s/types.ts";
import type { PodEngine } from "./engine.ts";
import { LinkedRuntime } from "./test_link.ts";
import { testEngine } from "./test_engine.ts";

const busy: Pod = {
  metadata: { uid: "u1", namespace: "default", name: "busy" },
  spec: { containers: [{ name: "app", image: "x:1" }] },
};

class Stage {
  readonly signal: AbortSignal = AbortSignal.timeout(10_000);
  readonly events: string[] = [];
  readonly runtime: LinkedRuntime;
  readonly engine: PodEngine;

  constructor(runtime: LinkedRuntime, { events = [] as string[] } = {}) {
    this.runtime = runtime;
    this.events = events;
    this.engine = testEngine(runtime, {
      events: { record: (_, { reason }) => void this.events.push(reason) },
    });
  }

  async create(pod: Pod): Promise<void> {
    await this.engine.createPod(pod, this);
    await this.until((status) => status?.phase === "Running");
  }

  async status(): Promise<PodStatus | undefined> {
    return await this.engine.getPodStatus("u1", this);
  }

  /** Resolves when `reached` is true of the pod's status; looks whenever anything happens. */
  async until(
    reached: (status: PodStatus | undefined) => boolean,
  ): Promise<void> {
    for (;;) {
      if (reached(await this.status())) return;
      this.signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Resolves when the engine has asked in vain since `before`. */
  async refused(before: number): Promise<void> {
    await this.until(() => this.runtime.refused > before);
    await this.until((status) => status === undefined);
  }
}

/** Programs that end when they are asked to, unless they are told to go on. */
async function withEngine(
  use: (stage: Stage) => Promise<void>,
  { stubborn = false } = {},
): Promise<void> {
  await using runtime = new LinkedRuntime({
    run: ({ signal, kill }) =>
      new Promise((resolve) =>
        (stubborn ? kill : signal).addEventListener("abort", () => resolve(0))
      ),
  });
  const stage = new Stage(runtime);
  await using group = new TaskGroup(new AbortController().signal);
  group.spawn((signal) => stage.engine.run({ signal }));
  await use(stage);
}

Deno.test("PodEngine says nothing of a pod while its runtime cannot be reached, and goes on after", async () => {
  await withEngine(async (stage) => {
    const { runtime, events } = stage;
    await stage.create(busy);
    const before = await stage.status();
    const said = [...events];
    runtime.cut();
    await stage.refused(0);
    runtime.mend();
    await stage.until((status) => status !== undefined);
    assert.deepEqual(await stage.status(), before);
    assert.deepEqual(events, said);
    assert.deepEqual(runtime.calls, ["createSandbox", "start app#0"]);
  });
});

for (
  const call of ["createSandbox", "pullImage", "startContainer"] as const
) {
  Deno.test(`PodEngine starts a pod without a failure after ${call} was interrupted`, async () => {
    await withEngine(async (stage) => {
      const { runtime, events } = stage;
      runtime.cut(call);
      const container = {
        name: "app",
        image: "x:1",
        imagePullPolicy: "Always",
      };
      await stage.engine.createPod(
        { ...busy, spec: { containers: [container] } },
        stage,
      );
      await stage.until(() => runtime.refused > 0);
      runtime.mend();
      await stage.until((status) => status?.phase === "Running");
      assert.equal(runtime.calls.at(-1), "start app#0");
      const bad = events.filter((reason) => /Fail|BackOff/.test(reason));
      assert.deepEqual(bad, []);
    });
  });
}

Deno.test("PodEngine waits with a deletion until the runtime can be reached", async () => {
  await withEngine(async (stage) => {
    const { runtime, engine } = stage;
    await stage.create(busy);
    runtime.cut();
    const deleted = engine.deletePod("u1", { graceSeconds: 5, ...stage });
    await stage.refused(0);
    assert.ok(!runtime.calls.includes("removeSandbox"));
    runtime.mend();
    const status = await deleted;
    assert.ok(status?.containerStatuses?.[0]?.state?.terminated);
    assert.deepEqual(runtime.calls.slice(2), ["stop app 5s", "removeSandbox"]);
  });
});

Deno.test("PodEngine goes on with an interrupted stop, within the grace that was given", async () => {
  await withEngine(async (stage) => {
    const { runtime, engine, events } = stage;
    await stage.create(busy);
    runtime.cut("stopContainer");
    const deleted = engine.deletePod("u1", { graceSeconds: 5, ...stage });
    await stage.until(() => runtime.refused > 0);
    runtime.mend();
    await deleted;
    const [stop] = runtime.calls.slice(2);
    assert.match(stop ?? "", /^stop app [2-5]s$/);
    const about = events.filter((reason) => /Kill/.test(reason));
    assert.deepEqual(about, ["Killing"]);
  });
});

Deno.test("PodEngine ends a pod sooner that is being deleted when its node must end it", async () => {
  await withEngine(async (stage) => {
    const { runtime, engine } = stage;
    await stage.create(busy);
    const deleted = engine.deletePod("u1", { graceSeconds: 600, ...stage });
    await stage.until(() => runtime.calls.length > 2);
    const pods = [...engine.unfinished()].map(({ metadata }) => metadata?.uid);
    assert.deepEqual(pods, ["u1"]);
    engine.evict("u1", { reason: "Terminated", message: "m", graceSeconds: 1 });
    const status = await deleted;
    assert.equal(status?.reason, "Terminated");
    assert.deepEqual([...engine.unfinished()], []);
    assert.equal(engine.isOver("u1"), true);
  }, { stubborn: true });
});

Deno.test("PodEngine ends a pod at once that waits for what it cannot have", async () => {
  await withEngine(async (stage) => {
    const { engine } = stage;
    const volumes = [{ name: "v", nfs: { server: "a", path: "/" } }];
    const containers = [{ name: "app", image: "x:1" }];
    await engine.createPod({ ...busy, spec: { containers, volumes } }, stage);
    await stage.until((status) => status?.phase === "Pending");
    engine.evict("u1", { reason: "Terminated", message: "m" });
    await stage.until((status) => status?.phase === "Failed");
    await stage.until(() => engine.isOver("u1"));
  });
});

Deno.test("PodEngine ends a pod that nobody told it of once the runtime can be reached", async () => {
  await withEngine(async ({ runtime, signal, ...stage }) => {
    await stage.engine.createPod(busy, { signal });
    await called(runtime, "start app#0", { signal });
    const next = new Stage(runtime);
    await using group = new TaskGroup(new AbortController().signal);
    group.spawn((signal) => next.engine.run({ signal }));
    runtime.cut();
    await assert.rejects(next.engine.listPods({ signal }), /link is cut/);
    const before = runtime.refused;
    const options = { graceSeconds: 5, signal };
    const deleted = next.engine.deletePod("u1", options);
    await next.until(() => runtime.refused > before);
    runtime.mend();
    assert.equal(await deleted, undefined);
    assert.equal(runtime.calls.at(-1), "removeSandbox");
  });
});

Deno.test("PodEngine ends a pod whose deletion began before a restart as any other", async () => {
  await withEngine(async ({ runtime, signal, ...stage }) => {
    const preStop = { sleep: { seconds: 1 } };
    const pod: Pod = {
      ...busy,
      spec: {
        containers: [
          { name: "app", image: "x:1", lifecycle: { preStop } as object },
        ],
      },
    };
    await stage.engine.createPod(pod, { signal });
    await called(runtime, "start app#0", { signal });
    const next = new Stage(runtime);
    await using group = new TaskGroup(new AbortController().signal);
    group.spawn((signal) => next.engine.run({ signal }));
    const begun = performance.now();
    const options = { graceSeconds: 5, pod, signal };
    const status = await next.engine.deletePod("u1", options);
    assert.ok(performance.now() - begun > 990);
    assert.deepEqual(next.events, ["Killing"]);
    assert.ok(status?.containerStatuses?.[0]?.state?.terminated);
    assert.match(runtime.calls.at(-2) ?? "", /^stop app [45]s$/);
    assert.equal(runtime.calls.at(-1), "removeSandbox");
  });
});

Deno.test("PodEngine replaces a sandbox that has stopped, ends what is left in it and starts anew", async () => {
  await withEngine(async (stage) => {
    const { runtime, events } = stage;
    const withInit = {
      ...busy,
      spec: {
        ...busy.spec,
        containers: [{ name: "app", image: "x:1" }],
        terminationGracePeriodSeconds: 7,
      },
    };
    await stage.create(withInit);
    runtime.calls.length = 0;
    events.length = 0;
    runtime.stopSandbox("u1");
    await stage.until((status) =>
      status?.containerStatuses?.[0]?.restartCount === 1 &&
      status.containerStatuses[0].ready
    );
    assert.deepEqual(runtime.calls, [
      "stop app 7s",
      "createSandbox",
      "start app#1",
    ]);
    assert.deepEqual(events, [
      "SandboxChanged",
      "Killing",
      "Pulled",
      "Created",
      "Started",
    ]);
  });
});

Deno.test("PodEngine fails a pod that never restarts when its sandbox has stopped", async () => {
  await withEngine(async (stage) => {
    const { runtime, events } = stage;
    const never: Pod = {
      ...busy,
      spec: {
        restartPolicy: "Never",
        terminationGracePeriodSeconds: 1,
        containers: [{ name: "app", image: "x:1" }],
      },
    };
    await stage.create(never);
    runtime.stopSandbox("u1");
    await stage.until((status) => status?.phase === "Failed");
    assert.ok(!events.includes("SandboxChanged"));
    assert.equal(runtime.calls.filter((c) => c === "createSandbox").length, 1);
  }, { stubborn: true });
});

/** Resolves once the runtime was called so. */
async function called(
  runtime: LinkedRuntime,
  call: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  while (!runtime.calls.includes(call)) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

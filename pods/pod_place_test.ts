import assert from "node:assert/strict";
import { TaskGroup } from "../async/task_group.ts";
import type { Container, Pod, PodStatus } from "../k8s/types.ts";
import type { ContainerResources } from "../providers/container_spec.ts";
import type { ContainerRef } from "../providers/runtime.ts";
import type { PodEngine } from "./engine.ts";
import type { NodeView } from "./field_ref.ts";
import type { Resources } from "./pod_resources.ts";
import { LinkedRuntime } from "./test_link.ts";
import { testEngine } from "./test_engine.ts";

/** Programs whose limits can be changed while they run. */
class ElasticRuntime extends LinkedRuntime {
  readonly updates: ContainerResources[] = [];
  failure: string | undefined;

  updateContainer(
    _ref: ContainerRef,
    resources: ContainerResources,
  ): Promise<void> {
    if (this.failure !== undefined) throw new Error(this.failure);
    this.updates.push(resources);
    return Promise.resolve();
  }
}

class Stage {
  readonly signal: AbortSignal = AbortSignal.timeout(10_000);
  readonly events: string[] = [];
  readonly engine: PodEngine;
  /** How often the node was asked whether it takes a pod. */
  checks = 0;
  node: NodeView = {
    name: "n1",
    ips: ["192.0.2.1"],
    allocatable: { cpu: "2", memory: "1Gi", pods: "10" },
    labels: {},
  };

  constructor(runtime: LinkedRuntime) {
    this.engine = testEngine(runtime, {
      events: {
        record: ({ name }, { type, reason }) =>
          void this.events.push(`${name} ${type} ${reason}`),
      },
      node: () => this.node,
      admission: [({ metadata }) => {
        this.checks++;
        return metadata?.name === "unwelcome"
          ? { reason: "Evicted", message: "no" }
          : undefined;
      }],
    });
  }

  /** Resolves when `reached` is true; looks again and again. */
  async eventually(reached: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await reached())) {
      this.signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** The pod's status, once `reached` is true of it. */
  async until(
    name: string,
    reached: (status: PodStatus) => boolean,
  ): Promise<PodStatus> {
    let status: PodStatus | undefined;
    await this.eventually(async () => {
      status = await this.engine.getPodStatus(name, this);
      return status !== undefined && reached(status);
    });
    return status ?? {};
  }

  async create(pod: Pod, phase = "Running"): Promise<PodStatus> {
    await this.engine.createPod(pod, this);
    const name = pod.metadata?.name ?? "";
    return await this.until(name, (status) => status.phase === phase);
  }

  async delete(name: string): Promise<void> {
    await this.engine.deletePod(name, { ...this, graceSeconds: 0 });
  }
}

async function withStage(
  runtime: LinkedRuntime,
  use: (stage: Stage) => Promise<void>,
): Promise<void> {
  await using _runtime = runtime;
  const stage = new Stage(runtime);
  await using group = new TaskGroup(new AbortController().signal);
  group.spawn((signal) => stage.engine.run({ signal }));
  await use(stage);
}

/** Programs that end when they are asked to. */
const program = {
  run: ({ signal }: { readonly signal: AbortSignal }) =>
    new Promise<number>((resolve) =>
      signal.addEventListener("abort", () => resolve(0))
    ),
};

/** A pod of one container that asks for so much CPU, and gets no more. */
function pod(name: string, cpu: string, more: Partial<Container> = {}): Pod {
  const resources = { requests: { cpu }, limits: { cpu } };
  return {
    metadata: { uid: name, namespace: "default", name, generation: 1 },
    spec: { containers: [{ name: "app", image: "x:1", resources, ...more }] },
  };
}

function has({ containerStatuses: [app] = [] }: PodStatus): string {
  return (app?.resources as Resources | undefined)?.limits?.["cpu"] ?? "";
}

function resizeCondition({ conditions = [] }: PodStatus): string {
  return conditions.filter(({ type }) => type.startsWith("PodResize"))
    .map(({ type, reason = "" }) => `${type} ${reason}`).join();
}

Deno.test("PodEngine fails a pod for which there is no room at once, and takes it once there is", async () => {
  await withStage(new LinkedRuntime(program), async (stage) => {
    await stage.create(pod("first", "1500m"));
    const status = await stage.create(pod("second", "1"), "Failed");
    assert.equal(status.reason, "OutOfcpu");
    assert.equal(status.containerStatuses, undefined);
    assert.ok(stage.events.includes("second Warning OutOfcpu"));
    await stage.delete("second");
    await stage.delete("first");
    await stage.create(pod("third", "2"));
  });
});

Deno.test("PodEngine asks others whether a pod is welcome", async () => {
  await withStage(new LinkedRuntime(program), async (stage) => {
    const status = await stage.create(pod("unwelcome", "0"), "Failed");
    assert.equal(status.reason, "Evicted");
  });
});

Deno.test("PodEngine takes a pod that it had before, whatever room there is", async () => {
  await withStage(new LinkedRuntime(program), async (stage) => {
    const adopted = pod("adopted", "9");
    const startTime = "2026-01-01T00:00:00Z";
    await stage.create({ ...adopted, status: { startTime } });
    const status = await stage.create(pod("new", "1m"), "Failed");
    assert.equal(status.reason, "OutOfcpu");
  });
});

Deno.test("PodEngine leaves a pod rejected that was rejected before", async () => {
  const runtime = new LinkedRuntime(program);
  await withStage(runtime, async (stage) => {
    const status: PodStatus = {
      observedGeneration: 1,
      phase: "Failed",
      reason: "OutOfcpu",
      message: "Pod was rejected: no room",
      startTime: "2026-01-01T00:00:00Z",
    };
    const found = await stage.create({ ...pod("old", "1m"), status }, "Failed");
    assert.deepEqual(found, status);
    assert.deepEqual(runtime.calls.filter((call) => /start/.test(call)), []);
  });
});

Deno.test("PodEngine looks twice at the labels of its node before it rejects a pod", async () => {
  await withStage(new LinkedRuntime(program), async (stage) => {
    const picky = pod("picky", "1m");
    const spec = { containers: [], ...picky.spec, nodeSelector: { a: "b" } };
    await stage.engine.createPod({ ...picky, spec }, stage);
    await stage.eventually(() => stage.checks === 1);
    stage.node = { ...stage.node, labels: { a: "b" } };
    await stage.until("picky", ({ phase }) => phase === "Running");
  });
});

Deno.test("PodEngine changes the resources of a container while it runs", async () => {
  const runtime = new ElasticRuntime(program);
  await withStage(runtime, async (stage) => {
    const before = await stage.create(pod("web", "1"));
    assert.equal(has(before), "1");
    await stage.engine.updatePod(pod("web", "1500m"), stage);
    const status = await stage.until("web", (it) => has(it) === "1500m");
    assert.equal(resizeCondition(status), "");
    assert.equal(status.containerStatuses?.[0]?.restartCount, 0);
    assert.deepEqual(runtime.updates.map((it) => it.cpuLimitMillis), [1500]);
    assert.deepEqual(
      stage.events.filter((event) => event.includes("Resize")),
      ["web Normal ResizeStarted", "web Normal ResizeCompleted"],
    );
  });
});

Deno.test("PodEngine starts a container anew for other resources where its policy says so, again and again", async () => {
  const runtime = new ElasticRuntime(program);
  const restarts = {
    resizePolicy: [{ resourceName: "cpu", restartPolicy: "RestartContainer" }],
  };
  await withStage(runtime, async (stage) => {
    await stage.create(pod("web", "100m", restarts));
    for (const [i, cpu] of ["200m", "300m", "400m"].entries()) {
      await stage.engine.updatePod(pod("web", cpu, restarts), stage);
      const status = await stage.until(
        "web",
        (it) =>
          has(it) === cpu && it.containerStatuses?.[0]?.ready === true &&
          it.containerStatuses[0].restartCount === i + 1,
      );
      assert.equal(resizeCondition(status), "");
    }
    assert.deepEqual(runtime.updates, []);
  });
});

Deno.test("PodEngine lets a change wait until there is room for it", async () => {
  await withStage(new ElasticRuntime(program), async (stage) => {
    await stage.create(pod("other", "1"));
    await stage.create(pod("web", "1"));
    await stage.engine.updatePod(pod("web", "1500m"), stage);
    const status = await stage.until("web", (it) => resizeCondition(it) !== "");
    assert.equal(resizeCondition(status), "PodResizePending Deferred");
    assert.equal(has(status), "1");
    await stage.delete("other");
    const after = await stage.until("web", (it) => has(it) === "1500m");
    assert.equal(resizeCondition(after), "");
  });
});

Deno.test("PodEngine says that other limits are infeasible where the runtime cannot change them", async () => {
  await withStage(new LinkedRuntime(program), async (stage) => {
    await stage.create(pod("web", "1"));
    await stage.engine.updatePod(pod("web", "500m"), stage);
    const status = await stage.until("web", (it) => resizeCondition(it) !== "");
    assert.equal(resizeCondition(status), "PodResizePending Infeasible");
    assert.equal(has(status), "1");
    // Taken back, it is as if nobody had asked.
    await stage.engine.updatePod(pod("web", "1"), stage);
    await stage.until("web", (it) => resizeCondition(it) === "");
  });
});

Deno.test("PodEngine tells why a change has failed", async () => {
  const runtime = new ElasticRuntime(program);
  runtime.failure = "too small";
  await withStage(runtime, async (stage) => {
    await stage.create(pod("web", "1"));
    await stage.engine.updatePod(pod("web", "500m"), stage);
    const status = await stage.until("web", (it) => resizeCondition(it) !== "");
    assert.equal(resizeCondition(status), "PodResizeInProgress Error");
    assert.equal(has(status), "1");
    assert.ok(stage.events.includes("web Warning ResizeError"));
    runtime.failure = undefined;
    runtime.tell();
    await stage.until("web", (it) => has(it) === "500m");
  });
});

Deno.test("PodPlace makes room for a critical pod, and waits until there is", async () => {
  let release = () => {};
  const released = new Promise<void>((resolve) => release = resolve);
  const slow = {
    run: ({ signal }: { readonly signal: AbortSignal }) =>
      new Promise<number>((resolve) =>
        signal.addEventListener(
          "abort",
          () => void released.then(() => resolve(0)),
        )
      ),
  };
  await withStage(new LinkedRuntime(slow), async (stage) => {
    await stage.create(pod("victim", "1500m"));
    await stage.create(pod("spared", "300m"));
    const critical = pod("critical", "1");
    const spec = { containers: [], ...critical.spec, priority: 2_000_000_000 };
    await stage.engine.createPod({ ...critical, spec }, stage);
    await stage.eventually(() =>
      stage.events.includes("victim Warning Preempting")
    );
    // The room is promised: nobody else gets it.
    await stage.create(pod("other", "300m"), "Failed");
    const waiting = await stage.engine.getPodStatus("critical", stage);
    assert.notEqual(waiting?.phase, "Running");
    release();
    const { reason, message, conditions = [] } = await stage.until(
      "victim",
      ({ phase }) => phase === "Failed",
    );
    assert.equal(reason, "Preempting");
    assert.equal(message, "Preempted in order to admit critical pod");
    const { reason: why, message: forWhom } = conditions.find(({ type }) =>
      type === "DisruptionTarget"
    ) ?? {};
    assert.equal(why, "TerminationByKubelet");
    assert.equal(
      forWhom,
      "Pod was preempted by Kubelet to accommodate a critical pod.",
    );
    await stage.until("critical", ({ phase }) => phase === "Running");
    const spared = await stage.engine.getPodStatus("spared", stage);
    assert.equal(spared?.phase, "Running");
  });
});

Deno.test("PodPlace rejects a critical pod for which nothing makes room", async () => {
  await withStage(new LinkedRuntime(program), async (stage) => {
    await stage.create(pod("small", "100m"));
    const critical = pod("critical", "3");
    const spec = { containers: [], ...critical.spec, priority: 2_000_000_000 };
    const { reason, message } = await stage.create(
      { ...critical, spec },
      "Failed",
    );
    assert.equal(reason, "UnexpectedAdmissionError");
    assert.equal(
      message,
      "Pod was rejected: Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [(res: cpu, q: 1000), ]",
    );
    const small = await stage.engine.getPodStatus("small", stage);
    assert.equal(small?.phase, "Running");
  });
});

import assert from "node:assert/strict";
import { ChangeFeed } from "../async/change_feed.ts";
import { TaskGroup } from "../async/task_group.ts";
import type { Pod } from "../k8s/types.ts";
import { ProgramRuntime } from "../providers/program_runtime.ts";
import { plainSandbox } from "../providers/test_specs.ts";
import { type PodStore, runPods } from "./controller.ts";
import { LocalPods } from "./local_pods.ts";
import type { PodApi } from "./pod_api.ts";
import type { StatusPatch } from "./status_patch.ts";
import { testEngine, untilStopped } from "./test_engine.ts";

/** A cluster of pods in memory, whose API fails when it is told to: a real one cannot be. */
class FakeCluster implements PodStore, PodApi {
  readonly calls: string[] = [];
  readonly #pods = new Map<string, Pod>();
  readonly #feed = new ChangeFeed<string>();
  #failures = 0;
  #version = 0;

  failNext(count: number): void {
    this.#failures = count;
  }

  put(pod: Pod): void {
    const uid = pod.metadata?.uid ?? "";
    const resourceVersion = `${++this.#version}`;
    const metadata = { ...pod.metadata, resourceVersion };
    this.#pods.set(uid, { ...pod, metadata });
    this.#feed.notify(uid);
  }

  get(uid: string): Pod | undefined {
    return this.#pods.get(uid);
  }

  list(): Iterable<Pod> {
    return this.#pods.values();
  }

  changes(options: { readonly signal: AbortSignal }): AsyncIterable<string> {
    return this.#feed.changes(options, () => this.#pods.keys());
  }

  synced(): Promise<void> {
    return Promise.resolve();
  }

  patchStatus(pod: Pod, patch: StatusPatch): Promise<Pod | undefined> {
    if (this.#failures-- > 0) return Promise.reject(new Error("API is away"));
    const phase = patch["phase"];
    if (phase !== undefined) this.calls.push(`${phase}`);
    const known = this.get(pod.metadata?.uid ?? "");
    if (known === undefined) return Promise.resolve(undefined);
    this.put({ ...known, status: { ...known.status, ...patch } });
    return Promise.resolve(this.get(pod.metadata?.uid ?? ""));
  }

  removePod({ metadata }: Pod): Promise<void> {
    this.calls.push("removed");
    this.#pods.delete(metadata?.uid ?? "");
    this.#feed.notify(metadata?.uid ?? "");
    return Promise.resolve();
  }

  /** Resolves when `reached` is true of the calls so far; fails after ten seconds. */
  async until(reached: (calls: readonly string[]) => boolean): Promise<void> {
    const signal = AbortSignal.timeout(10_000);
    for await (const _uid of this.changes({ signal })) {
      if (reached(this.calls)) return;
    }
    if (!reached(this.calls)) assert.fail(`Calls were ${this.calls}`);
  }
}

const busy: Pod = {
  metadata: { uid: "u1", namespace: "default", name: "busy" },
  spec: { containers: [{ name: "app", image: "x" }] },
};

/** Runs the controller over the engine and a program that ends when it is asked to. */
async function withController(
  use: (
    cluster: FakeCluster,
    runtime: ProgramRuntime,
    local: LocalPods,
  ) => Promise<void>,
): Promise<void> {
  const cluster = new FakeCluster();
  await using runtime = new ProgramRuntime({
    run: untilStopped,
  });
  const engine = testEngine(runtime);
  const local = new LocalPods();
  await using group = new TaskGroup(new AbortController().signal);
  group.spawn((signal) => engine.run({ signal }));
  group.spawn((signal) =>
    runPods(
      {
        store: cluster,
        provider: engine,
        api: cluster,
        local,
        orphanGrace: 20,
        // However slow the machine is.
        settle: 60_000,
      },
      {
        signal,
      },
    )
  );
  await use(cluster, runtime, local);
}

Deno.test("runPods() publishes a pod that starts at once as Running only", async () => {
  await withController(async (cluster) => {
    cluster.put(busy);
    await cluster.until((calls) => calls.length > 0);
    assert.deepEqual(cluster.calls, ["Running"]);
  });
});

Deno.test("runPods() says how a deleted pod ended before it removes the object", async () => {
  await withController(async (cluster) => {
    cluster.put(busy);
    await cluster.until((calls) => calls.includes("Running"));
    deletePod(cluster);
    await cluster.until((calls) => calls.includes("removed"));
    assert.deepEqual(cluster.calls, ["Running", "Failed", "removed"]);
  });
});

Deno.test("runPods() publishes at the next try how a pod ended, if the API is away", async () => {
  await withController(async (cluster) => {
    cluster.put(busy);
    await cluster.until((calls) => calls.includes("Running"));
    cluster.failNext(2);
    deletePod(cluster);
    await cluster.until((calls) => calls.includes("removed"));
    assert.deepEqual(cluster.calls, ["Running", "Failed", "removed"]);
  });
});

Deno.test("runPods() ends a pod that was deleted here, and removes it once the API answers", async () => {
  await withController(async (cluster, runtime, local) => {
    cluster.put(busy);
    await cluster.until((calls) => calls.includes("Running"));
    cluster.failNext(2);
    local.delete("u1", 1);
    const { signal } = new AbortController();
    for await (
      const _ of local.changes({ signal: AbortSignal.timeout(10_000) })
    ) {
      if (local.view(busy) === undefined) break;
    }
    assert.deepEqual(await runtime.listPods({ signal }), []);
    assert.ok(cluster.get("u1"), "the API does not know yet");
    await cluster.until((calls) => calls.includes("removed"));
    assert.deepEqual(cluster.calls, ["Running", "Failed", "removed"]);
  });
});

Deno.test("runPods() removes what the API does not know, after the grace time, all at once", async () => {
  await withController(async (_cluster, runtime) => {
    const { signal } = new AbortController();
    const bothAsked = Promise.withResolvers<void>();
    const asked = new Set<string>();
    const remove = runtime.removeSandbox.bind(runtime);
    runtime.removeSandbox = async (uid, options) => {
      asked.add(uid);
      if (asked.size === 2) bothAsked.resolve();
      await bothAsked.promise;
      await remove(uid, options);
    };
    await Promise.all(["lost", "stray"].map((uid) => {
      const orphan = { uid, namespace: "default", name: uid };
      return runtime.createSandbox(plainSandbox(orphan), { signal });
    }));
    assert.equal((await runtime.listPods({ signal })).length, 2);
    const deadline = Date.now() + 10_000;
    while ((await runtime.listPods({ signal })).length > 0) {
      assert.ok(Date.now() < deadline);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
});

function deletePod(cluster: FakeCluster): void {
  const pod = cluster.get("u1");
  assert.ok(pod);
  cluster.put({
    ...pod,
    metadata: {
      ...pod.metadata,
      deletionTimestamp: new Date().toISOString(),
      deletionGracePeriodSeconds: 1,
    },
  });
}

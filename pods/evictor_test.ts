import assert from "node:assert/strict";
import type { EventText } from "../k8s/events.ts";
import type { ObjectReference, Pod } from "../k8s/types.ts";
import type { NodeSample } from "../providers/provider.ts";
import type { RuntimeStats } from "../providers/samples.ts";
import { UnreachableError } from "../providers/errors.ts";
import { defaultEviction } from "./eviction_thresholds.ts";
import { Evictor, type EvictorOptions } from "./evictor.ts";
import type { PodFailure } from "./plan.ts";

const { signal } = new AbortController();
const gib = 2 ** 30;

/** A node whose pods each use as many bytes as said, in memory and in a volume. */
class FakeNode {
  readonly evicted = new Map<string, PodFailure>();
  readonly events: (EventText & { readonly of: string })[] = [];
  asked = { stats: 0, node: 0, reclaim: 0 };
  availableBytes = 80 * gib;
  pods: readonly Pod[] = [];
  usedBytes = 0;
  reclaim: (() => void) | undefined;
  failure: Error | undefined;

  readonly evictor: Evictor;

  constructor(options: Partial<EvictorOptions> = {}) {
    this.evictor = new Evictor({
      settings: defaultEviction,
      pods: {
        active: () =>
          this.pods.filter(({ metadata }) =>
            !this.evicted.has(metadata?.uid ?? "")
          ),
        evict: (uid, failure) => this.evicted.set(uid, failure),
        isOver: () => true,
      },
      events: {
        record: ({ kind = "", name }: ObjectReference, event: EventText) =>
          this.events.push({ of: `${kind} ${name}`, ...event }),
      },
      node: () => ({ kind: "Node", name: "edge" }),
      nodeStats: () => this.#answer("node", this.#sample()),
      stats: () => this.#answer("stats", this.#stats()),
      reclaim: async () => {
        await this.#answer("reclaim", undefined);
        this.reclaim?.();
      },
      ...options,
    });
  }

  look(): Promise<readonly string[]> {
    return this.evictor.look({ signal });
  }

  condition(type: string): string | undefined {
    return this.evictor.conditions.map(({ condition }) => condition)
      .find((condition) => condition.type === type)?.status;
  }

  #answer<T>(what: "stats" | "node" | "reclaim", value: T): Promise<T> {
    this.asked[what]++;
    return this.failure === undefined
      ? Promise.resolve(value)
      : Promise.reject(this.failure);
  }

  #sample(): NodeSample {
    const { availableBytes } = this;
    const capacityBytes = 100 * gib;
    return {
      at: new Date(),
      startedAt: new Date(0),
      cpuNanos: 0,
      memoryBytes: gib,
      memoryAvailableBytes: gib,
      filesystem: {
        capacityBytes,
        availableBytes,
        usedBytes: capacityBytes - availableBytes,
      },
    };
  }

  #stats(): RuntimeStats {
    const uids = this.pods.map(({ metadata }) => metadata?.uid ?? "");
    const at = new Date();
    return {
      containers: uids.map((podUid, i) => ({
        podUid,
        container: "main",
        at,
        startedAt: at,
        cpuNanos: 0,
        memoryBytes: 0,
        rootfsBytes: i,
        logBytes: 0,
      })),
      volumes: uids.map((podUid) => ({
        podUid,
        volume: "data",
        at,
        usedBytes: this.usedBytes,
      })),
    };
  }
}

function pod(name: string, spec: Partial<NonNullable<Pod["spec"]>> = {}): Pod {
  return {
    metadata: { name, uid: name, namespace: "default" },
    spec: { containers: [{ name: "main" }], ...spec },
  };
}

const sized = {
  volumes: [{ name: "data", emptyDir: { sizeLimit: "1Ki" } }],
};

Deno.test("Evictor asks nobody what pods use while none of them has a limit", async () => {
  const node = new FakeNode();
  node.pods = [pod("a"), pod("b")];
  assert.deepEqual(await node.look(), []);
  assert.deepEqual(node.asked, { stats: 0, node: 1, reclaim: 0 });
});

Deno.test("Evictor asks nobody what the node has left without thresholds", async () => {
  const settings = { ...defaultEviction, thresholds: [] };
  const node = new FakeNode({ settings });
  node.pods = [pod("a", sized)];
  assert.deepEqual(await node.look(), []);
  assert.deepEqual(node.asked, { stats: 1, node: 0, reclaim: 0 });
});

Deno.test("Evictor ends what has too much on the disk at once, and no other pod", async () => {
  const node = new FakeNode();
  node.usedBytes = 1025;
  node.pods = [pod("a", sized), pod("b"), pod("c", sized)];
  assert.deepEqual(await node.look(), ["a", "c"]);
  const message = 'Usage of EmptyDir volume "data" exceeds the limit "1Ki". ';
  assert.deepEqual(node.evicted.get("a"), {
    reason: "Evicted",
    message,
    graceSeconds: 1,
  });
  assert.deepEqual(node.events[0], {
    of: "Pod a",
    type: "Warning",
    reason: "Evicted",
    message,
  });
});

Deno.test("Evictor spares critical pods", async () => {
  const node = new FakeNode();
  node.usedBytes = 1025;
  node.availableBytes = gib;
  node.pods = [
    pod("a", { ...sized, priority: 2_000_000_000 }),
    pod("b", { priority: 2_000_001_000 }),
  ];
  assert.deepEqual(await node.look(), []);
  assert.equal(node.condition("DiskPressure"), "True");
});

Deno.test("Evictor evicts one pod at a time for a disk that runs full, the one that uses most first", async () => {
  const node = new FakeNode();
  node.availableBytes = gib;
  node.pods = [pod("a"), pod("b"), pod("c")];
  assert.deepEqual(await node.look(), ["c"]);
  assert.equal(
    node.evicted.get("c")?.disruption,
    node.evicted.get("c")?.message,
  );
  assert.match(
    node.evicted.get("c")?.message ?? "",
    /^The node was low on resource: ephemeral-storage\. Threshold quantity: 10Gi, available: 1Gi\. /,
  );
  assert.deepEqual(await node.look(), ["b"]);
  assert.deepEqual(
    node.events.map(({ of, reason }) => `${of} ${reason}`),
    [
      "Node edge EvictionThresholdMet",
      "Pod c Evicted",
      "Node edge EvictionThresholdMet",
      "Pod b Evicted",
    ],
  );
});

Deno.test("Evictor evicts nobody where making room is enough", async () => {
  const node = new FakeNode();
  node.availableBytes = gib;
  node.reclaim = () => node.availableBytes = 50 * gib;
  node.pods = [pod("a")];
  assert.deepEqual(await node.look(), []);
  assert.equal(node.asked.reclaim, 1);
  // It may be short again any moment.
  assert.equal(node.condition("DiskPressure"), "True");
  assert.deepEqual(node.evictor.pressures, ["DiskPressure"]);
});

Deno.test("Evictor evicts nobody from a host that cannot be reached, and leaves the conditions alone", async () => {
  const node = new FakeNode();
  node.pods = [pod("a", sized)];
  node.availableBytes = gib;
  await node.look();
  const evicted = node.evicted.size;
  node.usedBytes = 9999;
  node.failure = new UnreachableError("away");
  node.pods = [pod("b", sized)];
  await assert.rejects(node.look(), UnreachableError);
  assert.equal(node.evicted.size, evicted);
  assert.equal(node.condition("DiskPressure"), "True");
});

Deno.test("Evictor.run() ends when aborted, whatever it measures", async () => {
  const node = new FakeNode();
  node.pods = [pod("a")];
  const stop = new AbortController();
  const running = node.evictor.run({ signal: stop.signal });
  stop.abort(new Error("enough"));
  await assert.rejects(running, /enough/);
});

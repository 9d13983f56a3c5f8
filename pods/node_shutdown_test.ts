import assert from "node:assert/strict";
import { ChangeFeed } from "../async/change_feed.ts";
import type { Pod } from "../k8s/types.ts";
import type { MachineShutdown } from "../providers/machine_shutdown.ts";
import { NodeShutdown } from "./node_shutdown.ts";
import type { PodFailure } from "./plan.ts";
import { shutdownGroups } from "./shutdown_steps.ts";

/** A node of some pods whose machine says what the test lets it. */
class FakeNode implements AsyncDisposable {
  readonly ended = new Map<string, PodFailure>();
  readonly over = new Set<string>();
  readonly events: string[] = [];
  readonly shutdown: NodeShutdown;
  released = 0;
  readonly #feed = new ChangeFeed<MachineShutdown>();
  readonly #changed = new ChangeFeed<"changed">();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(pods: readonly Pod[], graceMs = 30_000) {
    this.shutdown = new NodeShutdown({
      settings: { groups: shutdownGroups(graceMs, graceMs / 3) },
      pods: {
        unfinished: () => pods,
        evict: (uid, failure) => {
          this.ended.set(uid, failure);
          this.#changed.notify("changed");
        },
        isOver: (uid) => this.over.has(uid),
      },
      events: {
        record: (_, { type, reason, message }) => {
          this.events.push(`${type} ${reason} ${message}`);
          this.#changed.notify("changed");
        },
      },
      node: () => ({ kind: "Node", name: "edge" }),
      watch: (options) => this.#feed.changes(options),
    });
    this.#running = this.shutdown.run(this.#stop);
  }

  say(news: MachineShutdown): void {
    this.#feed.notify(news);
  }

  goDown(maxDelayMs = 60_000): void {
    this.say({
      kind: "shuttingDown",
      maxDelayMs,
      release: () => {
        this.released++;
        this.#changed.notify("changed");
        return Promise.resolve();
      },
    });
  }

  /** Resolves once that is so. */
  async until(condition: () => boolean): Promise<void> {
    const options = { signal: AbortSignal.timeout(5_000) };
    const changes = this.#changed.changes(options, () => ["changed"]);
    for await (const _ of changes) if (condition()) return;
    assert.fail(`never: ${condition}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}

function pod(uid: string, priority = 0): Pod {
  const metadata = { uid, name: uid, namespace: "default" };
  return { metadata, spec: { containers: [], priority } };
}

const critical = 2_000_000_000;

Deno.test("NodeShutdown ends critical pods when the others are over, then lets the machine go", async () => {
  await using node = new FakeNode([pod("c", critical), pod("a"), pod("b")]);
  node.goDown();
  await node.until(() => node.ended.size === 2);
  const message = "Pod was terminated in response to imminent node shutdown.";
  assert.deepEqual(
    [...node.ended],
    ["a", "b"].map((uid) => [uid, {
      reason: "Terminated",
      message,
      disruption: message,
      graceSeconds: 20,
    }]),
  );
  node.over.add("a").add("b");
  await node.until(() => node.ended.size === 3);
  assert.equal(node.ended.get("c")?.graceSeconds, 10);
  assert.equal(node.released, 0);
  node.over.add("c");
  await node.until(() => node.released === 1);
  assert.deepEqual(node.events, [
    "Normal NodeShutdown Shutdown manager detected shutdown event",
  ]);
});

Deno.test("NodeShutdown waits for pods no longer than they have", async () => {
  await using node = new FakeNode([pod("c", critical), pod("a")], 300);
  node.goDown();
  await node.until(() => node.released === 1);
  assert.deepEqual([...node.ended.keys()], ["a", "c"]);
});

Deno.test("NodeShutdown takes no pods until the machine is known to stay up", async () => {
  await using node = new FakeNode([pod("a"), pod("c", critical)]);
  assert.equal(node.shutdown.refusal(), undefined);
  node.goDown();
  await node.until(() => node.ended.has("a"));
  assert.deepEqual(node.shutdown.refusal(), {
    reason: "NodeShutdown",
    message: "Pod was rejected as the node is shutting down.",
  });
  node.say({ kind: "cancelled" });
  await node.until(() => node.events.length === 2);
  assert.equal(node.shutdown.refusal(), undefined);
  assert.deepEqual(node.events.slice(1), [
    "Normal NodeShutdown Shutdown manager detected shutdown cancellation",
  ]);
  assert.equal(node.ended.has("c"), false);
  assert.equal(node.released, 0);
});

Deno.test("NodeShutdown takes pods again once the machine is back", async () => {
  await using node = new FakeNode([]);
  node.goDown();
  await node.until(() => node.released === 1);
  assert.equal(node.shutdown.isShuttingDown, true);
  node.say({ kind: "watching", maxDelayMs: 60_000 });
  node.say({ kind: "unwatched", message: "it has no systemd" });
  await node.until(() => node.events.length === 2);
  assert.equal(node.shutdown.isShuttingDown, false);
});

Deno.test("NodeShutdown warns once of each thing that is in its way", async () => {
  await using node = new FakeNode([]);
  const short = { kind: "watching", maxDelayMs: 5_000 } as const;
  node.say(short);
  await node.until(() => node.events.length === 1);
  node.say({ ...short });
  const no = { kind: "unwatched", message: "it has no systemd" } as const;
  node.say(no);
  node.say({ ...no });
  await node.until(() => node.events.length === 2);
  assert.deepEqual(node.events, [
    "Warning NodeShutdownDelayTooShort systemd-logind delays a shutdown by 5s at most " +
    "(InhibitDelayMaxSec), but the pods may take 30s (shutdownGracePeriod): they get that much less",
    "Warning NodeShutdownUnwatched Pods will not be ended before the machine of this node " +
    "shuts down: it has no systemd",
  ]);
});

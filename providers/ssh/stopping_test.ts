import assert from "node:assert/strict";
import type { InspectedContainer } from "./container_record.ts";
import { Inventory } from "./inventory.ts";
import { Stopping } from "./stopping.ts";
import { inspected, run } from "./test_records.ts";

const { signal } = new AbortController();
const running = {
  Status: "running",
  Running: true,
  StartedAt: "2026-11-23T10:00:01Z",
};
const ended = {
  ...running,
  Status: "exited",
  Running: false,
  FinishedAt: "2026-11-23T10:00:02Z",
};

/** A container that ends at some signals, and what it was sent. */
class Stage {
  readonly sent: string[] = [];
  readonly inventory: Inventory;
  readonly stopping: Stopping;
  readonly #endsAt: readonly string[];
  #container: InspectedContainer = inspected(running);
  #refuses = false;
  #hasRefused = false;

  constructor(endsAt: readonly string[]) {
    this.#endsAt = endsAt;
    this.inventory = new Inventory({ engine: () => this, node: "n1" });
    this.stopping = new Stopping(() => this, this.inventory);
  }

  listContainers() {
    return Promise.resolve([{
      Id: "web-0",
      State: this.#container.State.Status,
      Labels: this.#container.Config.Labels,
    }]);
  }

  inspectContainer() {
    const container = this.#container;
    if (this.#hasRefused) queueMicrotask(() => this.end());
    return Promise.resolve(container);
  }

  /** Refuses to be signalled, and says only then that it has ended. */
  refuse(): void {
    this.#refuses = true;
  }

  killContainer(_id: string, name: string): Promise<void> {
    if (this.#refuses) {
      this.#hasRefused = true;
      return Promise.reject(new Error("container state improper: stopped"));
    }
    if (!this.#container.State.Running) {
      return Promise.reject(new Error("can only kill running containers"));
    }
    this.sent.push(name);
    if (this.#endsAt.includes(name)) this.end();
    return Promise.resolve();
  }

  end(): void {
    this.#container = inspected(ended);
    this.inventory.changed("web-0", {});
  }

  async stop(graceSeconds: number): Promise<void> {
    await this.inventory.inspect("web-0", { signal });
    await this.stopping.stop(run(), { graceSeconds, signal });
  }
}

Deno.test("Stopping asks a container to end and is done when it has", async () => {
  const stage = new Stage(["SIGTERM"]);
  await stage.stop(60);
  assert.deepEqual(stage.sent, ["SIGTERM"]);
  assert.equal(stage.stopping.hasKilled("web-0"), false);
});

Deno.test("Stopping kills a container that does not end in its grace period", async () => {
  const stage = new Stage(["SIGKILL"]);
  await stage.stop(0.05);
  assert.deepEqual(stage.sent, ["SIGTERM", "SIGKILL"]);
  assert.equal(stage.stopping.hasKilled("web-0"), true);
});

Deno.test("Stopping kills at once without a grace period", async () => {
  const stage = new Stage(["SIGKILL"]);
  await stage.stop(0);
  assert.deepEqual(stage.sent, ["SIGKILL"]);
});

Deno.test("Stopping hurries when it is asked again with less grace", async () => {
  const stage = new Stage(["SIGKILL"]);
  const slow = stage.stop(60);
  await stage.stop(0);
  await slow;
  assert.equal(stage.sent.filter((name) => name === "SIGKILL").length, 1);
});

Deno.test("Stopping has nothing to do for a container that has ended meanwhile", async () => {
  const stage = new Stage([]);
  await stage.inventory.inspect("web-0", { signal });
  stage.end();
  await stage.stopping.stop(run(), { graceSeconds: 60, signal });
  assert.deepEqual(stage.sent, []);
});

Deno.test("Stopping waits for a container that cannot be signalled any more and is said to run", async () => {
  const stage = new Stage([]);
  stage.refuse();
  await stage.stop(60);
  assert.deepEqual(stage.sent, []);
});

Deno.test("Stopping gives up waiting when aborted", async () => {
  const stage = new Stage([]);
  await stage.inventory.inspect("web-0", { signal });
  const stop = new AbortController();
  const stopped = stage.stopping.stop(run(), {
    graceSeconds: 60,
    signal: stop.signal,
  });
  stop.abort();
  await assert.rejects(stopped, { name: "AbortError" });
});

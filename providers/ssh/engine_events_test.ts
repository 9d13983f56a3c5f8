import assert from "node:assert/strict";
import type { AbortOptions } from "../../async/abort.ts";
import type { InspectedContainer } from "./container_record.ts";
import { type ContainerEvent, followEngine } from "./engine_events.ts";
import { Inventory } from "./inventory.ts";
import { inspected } from "./test_records.ts";

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

/** An engine with one container, whose streams of events a test feeds and breaks. */
class Stage implements AsyncDisposable {
  readonly inventory: Inventory;
  readonly signal = AbortSignal.timeout(10_000);
  /** What each stream was asked to begin with. */
  readonly since: (number | undefined)[] = [];
  readonly #stop = new AbortController();
  readonly #following: Promise<void>;
  #container: InspectedContainer = inspected(running);
  #stream = Promise.withResolvers<ReadableStreamDefaultController>();

  constructor() {
    const engine = () => this;
    this.inventory = new Inventory({ engine, node: "n1" });
    const host = { name: "host", connected: () => Promise.resolve() };
    this.#following = followEngine(
      { host, engine, inventory: this.inventory, node: "n1" },
      this.#stop,
    );
  }

  listContainers() {
    const { Name = "", State, Config } = this.#container;
    const { Status } = State;
    return Promise.resolve([
      { Id: "web-0", Names: [Name], State: Status, Labels: Config.Labels },
    ]);
  }

  inspectContainer() {
    return Promise.resolve(this.#container);
  }

  async *events(
    { since }: AbortOptions & { readonly since?: number },
  ): AsyncGenerator<ContainerEvent> {
    this.since.push(since);
    yield* new ReadableStream<ContainerEvent>({
      start: (controller) => this.#stream.resolve(controller),
    });
  }

  /** The stream of events that is open, once there is one. */
  stream(): Promise<ReadableStreamDefaultController> {
    return this.#stream.promise;
  }

  async send(action: string, timeNano: number): Promise<void> {
    const attributes = this.#container.Config.Labels ?? {};
    const event = { id: "web-0", action, timeNano, attributes };
    (await this.stream()).enqueue(event);
  }

  async breakStream(): Promise<void> {
    const stream = await this.stream();
    this.#stream = Promise.withResolvers();
    stream.error(new Error("connection lost"));
  }

  end(): void {
    this.#container = inspected(ended);
  }

  /** Waits until the container is seen so. */
  async until(kind: string): Promise<void> {
    const seen = new AbortController();
    const signal = AbortSignal.any([this.signal, seen.signal]);
    for await (const uid of this.inventory.changes({ signal })) {
      const [web] = await this.inventory.pod(uid, this);
      if (web?.state.kind === kind) seen.abort();
    }
    this.signal.throwIfAborted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.breakStream();
    await this.#following;
  }
}

Deno.test("followEngine() finds what there is, and sees it change by its events", async () => {
  await using stage = new Stage();
  await stage.until("running");
  stage.end();
  await stage.send("die", 5);
  await stage.until("exited");
});

Deno.test("followEngine() listens again where it was interrupted, and looks at all there is", async () => {
  await using stage = new Stage();
  await stage.until("running");
  await stage.send("start", 7_000);
  await stage.send("exec_start", 6_000);
  await stage.breakStream();
  // Ends while nobody listens.
  stage.end();
  await stage.until("exited");
  await stage.stream();
  assert.equal(stage.since[0], undefined);
  assert.equal(stage.since[1], 7_000);
});

Deno.test("followEngine() lists once more for what happened before it heard the first event", async () => {
  await using stage = new Stage();
  await stage.until("running");
  // No event tells of it: the second list does.
  stage.end();
  await stage.until("exited");
});

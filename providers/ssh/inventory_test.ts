import assert from "node:assert/strict";
import type { InspectedContainer } from "./container_record.ts";
import { takeEvent } from "./engine_events.ts";
import { Inventory, type ListedContainer } from "./inventory.ts";
import { inspected, run, sandbox } from "./test_records.ts";

const { signal } = new AbortController();
const options = { signal };
const running = { Status: "running", Running: true, StartedAt: iso(1) };
const ended = {
  Status: "exited",
  ExitCode: 3,
  StartedAt: iso(1),
  FinishedAt: iso(2),
};

function iso(second: number): string {
  return `2026-11-23T10:00:0${second}Z`;
}

/** An engine that has what it is told, and counts what it is asked. */
class Engine {
  readonly has = new Map<string, InspectedContainer>();
  readonly asked: string[] = [];

  put(container: InspectedContainer): void {
    this.has.set(container.Id, container);
  }

  listContainers(): Promise<readonly ListedContainer[]> {
    this.asked.push("list");
    return Promise.resolve(
      [...this.has.values()].map(({ Id, Name = "", State, Config }) => ({
        Id,
        Names: [Name],
        State: State.Status,
        Labels: Config.Labels,
      })),
    );
  }

  inspectContainer(id: string): Promise<InspectedContainer | undefined> {
    this.asked.push(id);
    return Promise.resolve(this.has.get(id));
  }

  /** What was asked since the last time. */
  questions(): readonly string[] {
    return this.asked.splice(0);
  }
}

async function followed(): Promise<{ engine: Engine; inventory: Inventory }> {
  const engine = new Engine();
  engine.put(inspected(running, {}, sandbox()));
  engine.put(inspected(running));
  const inventory = new Inventory({ engine: () => engine, node: "n1" });
  await inventory.relist(options);
  inventory.follow(true);
  await inventory.pod("uid-1", options);
  engine.questions();
  return { engine, inventory };
}

Deno.test("Inventory asks the engine each time while nobody tells it of changes", async () => {
  const engine = new Engine();
  engine.put(inspected(running));
  const inventory = new Inventory({ engine: () => engine, node: "n1" });
  const [first] = await inventory.pod("uid-1", options);
  assert.equal(first?.state.kind, "running");
  assert.deepEqual(engine.questions(), ["list", "web-0"]);
  engine.put(inspected(ended));
  const [second] = await inventory.pod("uid-1", options);
  assert.equal(second?.state.kind, "exited");
  assert.deepEqual(engine.questions(), ["list", "web-0"]);
});

Deno.test("Inventory leaves alone what somebody runs from an image of a container", async () => {
  const { engine, inventory } = await followed();
  const copy = { Id: "copy", Name: "/mine" };
  engine.put(inspected(running, copy));
  await inventory.relist(options);
  inventory.changed("copy", inspected(running).Config.Labels ?? {});
  const found = await inventory.pod("uid-1", options);
  assert.deepEqual(found.map(({ id }) => id), ["sandbox-0", "web-0"]);
  engine.put(
    inspected(running, { Id: "again", Name: "/farlet_uid-1_web_0_a" }),
  );
  await inventory.relist(options);
  assert.equal((await inventory.pod("uid-1", options)).length, 3);
});

Deno.test("Inventory keeps its bounds with an engine that tells without end", async () => {
  const { engine, inventory } = await followed();
  const labels = inspected(running).Config.Labels ?? {};
  for (let i = 0; i < 5_000; i++) inventory.changed(`made-up-${i}`, labels);
  inventory.changed("web-0", labels);
  await inventory.pod("uid-1", options);
  const asked = engine.questions();
  assert.ok(asked.length <= 1_001, `${asked.length} questions`);
  assert.ok(asked.includes("web-0"));
  for (let i = 0; i < 10_001; i++) {
    engine.put({ ...inspected(running), Id: `made-up-${i}` });
  }
  await assert.rejects(inventory.relist(options), /more than 10000 containers/);
});

Deno.test("Inventory asks nothing of a pod that did not change, and only for what did", async () => {
  const { engine, inventory } = await followed();
  assert.equal((await inventory.pod("uid-1", options)).length, 2);
  assert.deepEqual(engine.questions(), []);
  engine.put(inspected(ended));
  inventory.changed("web-0", {});
  const records = await inventory.pod("uid-1", options);
  assert.deepEqual(engine.questions(), ["web-0"]);
  const web = records.find(({ id }) => id === "web-0");
  assert.equal(web?.state.kind, "exited");
});

Deno.test("Inventory finds by a list what no event told", async () => {
  const { engine, inventory } = await followed();
  engine.put(inspected(ended));
  engine.has.delete("sandbox-0");
  await inventory.relist(options);
  const records = await inventory.pod("uid-1", options);
  assert.deepEqual(records.map(({ id, state }) => [id, state.kind]), [
    ["web-0", "exited"],
  ]);
});

Deno.test("Inventory keeps a container that was made while a list was under way", async () => {
  const { engine, inventory } = await followed();
  const before = await engine.listContainers();
  const made = inspected(running, {}, run({ attempt: 1 }));
  engine.listContainers = async () => {
    engine.put(made);
    await inventory.inspect("web-1", options);
    return before;
  };
  await inventory.relist(options);
  const records = await inventory.pod("uid-1", options);
  assert.ok(records.some(({ id }) => id === "web-1"));
});

Deno.test("Inventory does not let an old answer overwrite a newer one", async () => {
  const { engine, inventory } = await followed();
  const slow = Promise.withResolvers<InspectedContainer>();
  const inspectContainer = engine.inspectContainer.bind(engine);
  engine.inspectContainer = () => slow.promise;
  const first = inventory.inspect("web-0", options);
  engine.inspectContainer = inspectContainer;
  engine.put(inspected(ended));
  await inventory.inspect("web-0", options);
  slow.resolve(inspected(running));
  assert.equal((await first)?.state.kind, "exited");
  assert.equal(inventory.known("web-0")?.state.kind, "exited");
});

Deno.test("Inventory does not let an old answer bring back what is gone", async () => {
  const { engine, inventory } = await followed();
  const answer = Promise.withResolvers<InspectedContainer>();
  engine.inspectContainer = () => answer.promise;
  inventory.changed("web-0", {});
  const pod = inventory.pod("uid-1", options);
  inventory.forget("web-0");
  answer.resolve(inspected(running));
  assert.deepEqual((await pod).map(({ id }) => id), ["sandbox-0"]);
  assert.equal(inventory.known("web-0"), undefined);
});

Deno.test("Inventory waits for what somebody else is being told of a pod, and asks again if that fails", async () => {
  const { engine, inventory } = await followed();
  const labels = inspected(running).Config.Labels ?? {};
  const answer = Promise.withResolvers<InspectedContainer>();
  const inspect = engine.inspectContainer.bind(engine);
  engine.inspectContainer = (id) => {
    engine.inspectContainer = inspect;
    engine.asked.push(`${id} slowly`);
    return answer.promise;
  };
  engine.put(inspected(running, { Id: "web-1" }, run({ attempt: 1 })));
  inventory.changed("web-1", labels);
  const all = inventory.all(options);
  const pod = inventory.pod("uid-1", options);
  answer.reject(new Error("lost"));
  await assert.rejects(all, /lost/);
  const ids = (await pod).map(({ id }) => id);
  assert.deepEqual(ids, ["sandbox-0", "web-0", "web-1"]);
  assert.deepEqual(engine.questions(), ["web-1 slowly", "web-1"]);
});

Deno.test("Inventory asks again after an answer that failed", async () => {
  const { engine, inventory } = await followed();
  const inspectContainer = engine.inspectContainer.bind(engine);
  engine.inspectContainer = () => Promise.reject(new Error("broken"));
  inventory.changed("web-0", {});
  await assert.rejects(inventory.pod("uid-1", options), /broken/);
  engine.inspectContainer = inspectContainer;
  engine.put(inspected(ended));
  const records = await inventory.pod("uid-1", options);
  assert.ok(records.some(({ state }) => state.kind === "exited"));
});

Deno.test("Inventory asks once more when Podman stumbles over a process that ends", async () => {
  const { engine, inventory } = await followed();
  const inspectContainer = engine.inspectContainer.bind(engine);
  engine.inspectContainer = () => {
    engine.inspectContainer = inspectContainer;
    engine.put(inspected(ended));
    const why = "read /proc/33960/cgroup: no such process";
    return Promise.reject(new Error(why));
  };
  const record = await inventory.inspect("web-0", options);
  assert.equal(record?.state.kind, "exited");
});

Deno.test("Inventory never has containers of other nodes", async () => {
  const engine = new Engine();
  engine.put(inspected(running, {}, run({ node: "n2" })));
  engine.put(inspected(running, { Id: "alien", Config: { Labels: {} } }));
  const inventory = new Inventory({ engine: () => engine, node: "n1" });
  assert.deepEqual(await inventory.all(options), []);
  assert.equal(await inventory.inspect("web-0", options), undefined);
});

Deno.test("Inventory keeps the moment at which a lost run was found", async () => {
  const engine = new Engine();
  engine.put(inspected({ Status: "created", StartedAt: iso(1) }));
  const inventory = new Inventory({ engine: () => engine, node: "n1" });
  const first = await inventory.inspect("web-0", options);
  assert.equal(first?.state.kind, "lost");
  const again = await inventory.inspect("web-0", options);
  assert.equal(again?.state, first.state);
});

Deno.test("Inventory.changes() yields the pods there are, then those that change", async () => {
  const { engine, inventory } = await followed();
  const stop = new AbortController();
  const changes = inventory.changes(stop)[Symbol.asyncIterator]();
  assert.equal((await changes.next()).value, "uid-1");
  const next = changes.next();
  const other = run({ pod: { uid: "uid-2", namespace: "a", name: "b" } });
  engine.put(inspected(running, { Id: "other" }, other));
  await inventory.relist(options);
  assert.equal((await next).value, "uid-2");
  stop.abort();
  assert.equal((await changes.next()).done, true);
});

const labels = { "io.kubernetes.pod.uid": "uid-1" };

Deno.test("takeEvent() looks at what ended, and forgets what was removed", async () => {
  const { engine, inventory } = await followed();
  const event = { id: "web-0", timeNano: 0, attributes: labels };
  for (const action of ["create", "init", "exec_die", "cleanup", "start"]) {
    takeEvent(inventory, { ...event, action });
  }
  await inventory.pod("uid-1", options);
  assert.deepEqual(engine.questions(), []);
  for (const action of ["die", "oom"]) {
    takeEvent(inventory, { ...event, action });
    await inventory.pod("uid-1", options);
    assert.deepEqual(engine.questions(), ["web-0"]);
  }
  for (const action of ["destroy", "remove"]) {
    await inventory.inspect("web-0", options);
    takeEvent(inventory, { ...event, action });
    assert.equal(inventory.known("web-0"), undefined);
  }
});

Deno.test("takeEvent() finds a container that somebody else started", async () => {
  const { engine, inventory } = await followed();
  const record = run({ attempt: 1 });
  const made = inspected(running, {}, record);
  engine.put(made);
  takeEvent(inventory, {
    id: "web-1",
    action: "start",
    timeNano: 0,
    attributes: made.Config.Labels ?? {},
  });
  const records = await inventory.pod("uid-1", options);
  assert.ok(records.some(({ id }) => id === "web-1"));
});

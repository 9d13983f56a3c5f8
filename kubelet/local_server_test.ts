import assert from "node:assert/strict";
import { join } from "node:path";
import { ChangeFeed } from "../async/change_feed.ts";
import { ApiError } from "../k8s/errors.ts";
import type { Event, Node, Pod } from "../k8s/types.ts";
import { watchEvents } from "../k8s/watch.ts";
import type { LocalNode } from "./local_context.ts";
import { startLocalServer } from "./local_server.ts";

/** A node whose pods a test changes as it likes. */
class FakeNode implements LocalNode {
  readonly nodeName: string;
  readonly backend = {
    readLogs: () => new Response(`log of ${this.nodeName}\n`).body ?? noLog(),
  };
  readonly deleted: string[] = [];
  refusal: ApiError | undefined;
  readonly #pods = new Map<string, Pod>();
  readonly #feed = new ChangeFeed<string>();
  readonly changes: LocalNode["changes"] = [
    (options) => this.#feed.changes(options),
  ];
  readonly events = {
    list: (): readonly Event[] => [
      { metadata: { name: "e1" }, involvedObject: { uid: "u1" } },
      { metadata: { name: "e2" }, involvedObject: { uid: "u2" } },
    ],
    changes: (options: { readonly signal: AbortSignal }) =>
      this.#feed.changes(options),
  };

  constructor(nodeName: string, ...pods: readonly string[]) {
    this.nodeName = nodeName;
    for (const name of pods) this.put(name, "Running");
  }

  put(name: string, phase: string): void {
    this.#pods.set(name, {
      metadata: { name, namespace: "default", uid: `uid-${name}` },
      spec: { containers: [{ name: "app", image: "x" }] },
      status: {
        phase,
        containerStatuses: [{
          name: "app",
          image: "x",
          imageID: "x",
          containerID: "x://1",
          ready: true,
          restartCount: 0,
          state: { running: {} },
        }],
      },
    });
    this.#feed.notify(name);
  }

  remove(name: string): void {
    this.#pods.delete(name);
    this.#feed.notify(name);
  }

  pods(): Iterable<Pod> {
    return this.#pods.values();
  }

  findPod(_namespace: string, name: string): Pod | undefined {
    return this.#pods.get(name);
  }

  node(): Node {
    return { metadata: { name: this.nodeName } };
  }

  deletePod(
    { metadata }: Pod,
    { graceSeconds }: { readonly graceSeconds: number | undefined },
  ): Promise<boolean> {
    if (this.refusal) return Promise.reject(this.refusal);
    this.deleted.push(`${metadata?.name} ${graceSeconds}`);
    return Promise.resolve(true);
  }
}

function noLog(): never {
  throw new Error("No log");
}

interface Bench {
  readonly nodes: readonly [FakeNode, FakeNode];
  fetch(path: string, init?: RequestInit): Promise<Response>;
  stop(): Promise<void>;
}

async function withServer(use: (bench: Bench) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "s" });
  const path = join(dir, "agent.sock");
  const nodes = [new FakeNode("a", "web"), new FakeNode("b", "db")] as const;
  const { signal } = new AbortController();
  const server = await startLocalServer({ nodes }, { path, signal });
  const client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
  try {
    await use({
      nodes,
      fetch: (path, init) =>
        fetch(`http://localhost${path}`, { ...init, client }),
      stop: () => Promise.resolve(server[Symbol.asyncDispose]()),
    });
  } finally {
    client.close();
    await server[Symbol.asyncDispose]();
    await Deno.remove(dir, { recursive: true });
  }
}

async function itemNames(response: Response): Promise<readonly string[]> {
  const { items } = await response.json() as { readonly items: readonly Pod[] };
  return items.map(({ metadata }) => metadata?.name ?? "");
}

Deno.test("the local API has the pods and the logs of every node", async () => {
  await withServer(async ({ fetch }) => {
    assert.deepEqual(await itemNames(await fetch("/pods")), ["web", "db"]);
    for (const [pod, node] of [["web", "a"], ["db", "b"]]) {
      const response = await fetch(`/containerLogs/default/${pod}/app`);
      assert.equal(await response.text(), `log of ${node}\n`);
    }
    const missing = await fetch("/containerLogs/default/nope/app");
    assert.equal(missing.status, 404);
    await missing.body?.cancel();
  });
});

Deno.test("the local API has one node's kubelet API below the node's name", async () => {
  await withServer(async ({ fetch }) => {
    assert.deepEqual(await itemNames(await fetch("/nodes")), ["a", "b"]);
    const path = "/nodes/b/proxy/pods";
    assert.deepEqual(await itemNames(await fetch(path)), ["db"]);
    const missing = await fetch("/nodes/c/proxy/pods");
    assert.deepEqual([missing.status, (await missing.json()).message], [
      404,
      'nodes "c" not found',
    ]);
  });
});

Deno.test("the local API tells the events of one object", async () => {
  await withServer(async ({ fetch }) => {
    const all = await itemNames(await fetch("/events"));
    assert.deepEqual(all, ["e1", "e2", "e1", "e2"]);
    const some = await itemNames(await fetch("/events?uid=u2"));
    assert.deepEqual(some, ["e2", "e2"]);
  });
});

Deno.test("the local API deletes a pod on the node that has it", async () => {
  await withServer(async ({ fetch, nodes: [a, b] }) => {
    const remove = async (path: string) => {
      const response = await fetch(path, { method: "DELETE" });
      const { reason } = await response.json();
      return [response.status, reason];
    };
    const db = "/pods/default/db";
    assert.deepEqual(await remove(db), [202, undefined]);
    assert.deepEqual(await remove(`${db}?gracePeriodSeconds=3`), [
      202,
      undefined,
    ]);
    assert.deepEqual(await remove(`${db}?uid=uid-db`), [202, undefined]);
    assert.deepEqual(await remove(`${db}?uid=other`), [404, "NotFound"]);
    assert.deepEqual(await remove("/pods/default/no"), [404, "NotFound"]);
    assert.deepEqual(await remove(`${db}?gracePeriodSeconds=x`), [
      400,
      "BadRequest",
    ]);
    b.refusal = new ApiError("DELETE", {
      code: 403,
      reason: "Forbidden",
      message: "",
    });
    assert.deepEqual(await remove(db), [403, "Forbidden"]);
    assert.deepEqual(a.deleted, []);
    assert.deepEqual(b.deleted, ["db undefined", "db 3", "db undefined"]);
  });
});

Deno.test("a watch of the local API tells what is there, then what changes, until the agent ends", async () => {
  await withServer(async ({ fetch, nodes: [a, b], stop }) => {
    const { body } = await fetch("/pods?watch=true");
    assert.ok(body);
    const told: string[] = [];
    for await (const { type, object } of watchEvents<Pod>(body, "GET /pods")) {
      const phase = "status" in object ? object.status?.phase : "";
      told.push(`${type} ${object.metadata?.name ?? ""} ${phase}`.trim());
      if (type === "BOOKMARK") a.put("web", "Failed");
      if (type === "MODIFIED") b.remove("db");
      if (type === "DELETED") {
        a.put("late", "Pending");
        void stop();
      }
    }
    assert.deepEqual(told, [
      ...["ADDED web Running", "ADDED db Running", "BOOKMARK"],
      ...["MODIFIED web Failed", "DELETED db Running", "ADDED late Pending"],
    ]);
  });
});

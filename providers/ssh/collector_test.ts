import assert from "node:assert/strict";
import { UnreachableError } from "../errors.ts";
import { Collector } from "./collector.ts";
import type { ContainerRecord } from "./container_record.ts";
import { exited, pod, run, sandbox } from "./test_records.ts";

const { signal } = new AbortController();

/** A host with some containers, and files of some pods. */
class FakeHost {
  records: readonly ContainerRecord[] = [];
  readonly files = new Set<string>();
  readonly stuck = new Set<string>();
  readonly removed: string[] = [];
  readonly collections: (boolean | undefined)[] = [];
  failure: Error | undefined;

  readonly collector = new Collector({
    host: { name: "edge" },
    engine: () => ({
      removeContainer: (id: string) => {
        if (this.stuck.has(id)) return Promise.reject(new Error("busy"));
        this.removed.push(id);
        return Promise.resolve();
      },
    }),
    inventory: {
      all: () => this.#answer(this.records),
      pod: (uid) =>
        this.#answer(this.records.filter(({ pod }) => pod.uid === uid)),
      inspect: () => Promise.resolve(undefined),
      forget: () => undefined,
    },
    files: { listPods: () => this.#answer([...this.files]) },
    sandboxes: {
      removeFiles: (uid) => {
        if (this.stuck.has(uid)) return Promise.reject(new Error("busy"));
        this.removed.push(uid);
        this.files.delete(uid);
        return Promise.resolve();
      },
    },
    images: {
      collect: ({ allUnused }) => {
        this.collections.push(allUnused);
        return Promise.resolve();
      },
    },
  });

  #answer<T>(value: T): Promise<T> {
    return this.failure === undefined
      ? Promise.resolve(value)
      : Promise.reject(this.failure);
  }
}

Deno.test("Collector removes the files of pods that have nothing else, and no others", async () => {
  const host = new FakeHost();
  host.records = [run()];
  for (const uid of [pod.uid, "lost", "stuck", "also lost"]) {
    host.files.add(uid);
  }
  host.stuck.add("stuck");
  await host.collector.reclaim({ signal });
  assert.deepEqual(host.removed, ["lost", "also lost"]);
  assert.deepEqual([...host.files], [pod.uid, "stuck"]);
  assert.deepEqual(host.collections, [true]);
});

Deno.test("Collector goes on with other pods where one cannot be cleaned up", async () => {
  const host = new FakeHost();
  const dead = { state: exited(1) };
  const other = { ...pod, uid: "uid-2" };
  host.records = [
    ...[sandbox(), run({ attempt: 2 }), run({ attempt: 1, ...dead })],
    run({ attempt: 0, ...dead, id: "stuck" }),
    ...[sandbox({ pod: other }), run({ pod: other, attempt: 2 })],
    run({ pod: other, attempt: 1, ...dead }),
    run({ pod: other, attempt: 0, ...dead, id: "old" }),
  ];
  host.stuck.add("stuck");
  await host.collector.reclaim({ signal });
  assert.deepEqual(host.removed, ["old"]);
});

Deno.test("Collector removes nothing from a host that cannot be reached", async () => {
  const host = new FakeHost();
  host.files.add("pod");
  host.failure = new UnreachableError("away");
  await host.collector.reclaim({ signal });
  assert.deepEqual(host.removed, []);
});

import assert from "node:assert/strict";
import { abortable, untilAborted } from "../async/abort.ts";
import { KubeClient, type ObjectList, type WatchOptions } from "./client.ts";
import { ApiError, UnreachableError } from "./errors.ts";
import { Reflector } from "./reflector.ts";
import type { ConfigMap } from "./types.ts";
import type { WatchEvent } from "./watch.ts";

/** What the API server answers to one list, or does in one watch. */
type Step =
  | { readonly list: readonly [name: string, version: string][] | Error }
  | { readonly watch: readonly (Event | Error)[]; readonly end?: true };
type Event = readonly [
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK",
  name: string,
  version: string,
];

function object(name: string, resourceVersion: string): ConfigMap {
  const metadata = { name, uid: `uid-${name}`, resourceVersion };
  return { metadata: { ...metadata, managedFields: [{ manager: "x" }] } };
}

/** Plays its steps; then lists fail to come and watches stay open. */
class ScriptedClient extends KubeClient {
  readonly #steps: Step[];
  /** The resource version from which each watch went on. */
  readonly watchedFrom: unknown[] = [];
  lists = 0;
  readonly done = Promise.withResolvers<void>();

  constructor(steps: readonly Step[]) {
    super({
      server: "http://127.0.0.1:9",
      caCertificates: [],
      namespace: "default",
      authorize: () => Promise.resolve(),
      describe: () => "a script",
    });
    this.#steps = [...steps];
  }

  override list<T>(): Promise<ObjectList<T>> {
    const step = this.#steps.shift();
    assert.ok(step !== undefined && "list" in step, "a list was not expected");
    this.lists += 1;
    if (step.list instanceof Error) return Promise.reject(step.list);
    const items = step.list.map(([name, version]) =>
      object(name, version) as T
    );
    const resourceVersion = `${100 + this.lists}`;
    return Promise.resolve({ metadata: { resourceVersion }, items });
  }

  override async *watch<T>(
    _path: string,
    { query, signal, onOpen }: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    this.watchedFrom.push(query?.["resourceVersion"]);
    const step = this.#steps.shift();
    assert.ok(step !== undefined && "watch" in step, "watch was not expected");
    const [first] = step.watch;
    if (!(first instanceof UnreachableError)) onOpen?.();
    for (const event of step.watch) {
      if (event instanceof Error) throw event;
      const [type, name, version] = event;
      yield { type, object: object(name, version) } as WatchEvent<T>;
    }
    if (step.end) return;
    this.done.resolve();
    await untilAborted(signal);
    throw signal.reason;
  }
}

const expired = ApiError.fromStatus("GET /x", { code: 410, reason: "Expired" });
const down = new UnreachableError("http://127.0.0.1:9", "down");

/** Runs a reflector to the end of the script and returns what its reader saw. */
async function play(steps: readonly Step[]) {
  using client = new ScriptedClient(steps);
  const reflector = new Reflector<ConfigMap>(client, "/x");
  const stop = new AbortController();
  const late = setTimeout(() => stop.abort(new Error("too late")), 10_000);
  const seen: string[] = [];
  const reading = (async () => {
    for await (const key of reflector.changes(stop)) {
      const version = reflector.get(key)?.metadata?.resourceVersion ?? "gone";
      seen.push(`${key.replace("uid-", "")}@${version}`);
    }
  })();
  const running = reflector.run(stop);
  try {
    await abortable(client.done.promise, stop);
    // The reader gets its turn for what was told last.
    await new Promise((resolve) => setTimeout(resolve));
  } finally {
    clearTimeout(late);
    stop.abort();
    await Promise.all([running, reading]);
  }
  const { lists, watchedFrom } = client;
  return { seen, lists, watchedFrom, reflector };
}

Deno.test("Reflector tells of each change once", async () => {
  const { seen, reflector } = await play([
    { list: [["a", "1"], ["b", "2"]] },
    {
      watch: [["MODIFIED", "a", "3"], ["DELETED", "b", "4"], [
        "ADDED",
        "c",
        "5",
      ]],
      end: true,
    },
    { watch: [] },
  ]);
  assert.deepEqual(seen, ["a@1", "b@2", "a@3", "b@gone", "c@5"]);
  assert.deepEqual([...reflector.list()].map((o) => o.metadata?.name), [
    "a",
    "c",
  ]);
});

Deno.test("Reflector goes on from the last resource version, also that of a bookmark", async () => {
  const { lists, watchedFrom } = await play([
    { list: [["a", "1"]] },
    { watch: [["MODIFIED", "a", "103"]], end: true },
    { watch: [["BOOKMARK", "", "120"], down] },
    { watch: [] },
  ]);
  assert.deepEqual(watchedFrom, ["101", "103", "120"]);
  assert.equal(lists, 1);
});

Deno.test("Reflector lists anew when its version is too old, and tells what vanished meanwhile", async () => {
  const { seen, lists, watchedFrom } = await play([
    { list: [["same", "1"], ["changed", "2"], ["vanished", "3"]] },
    { watch: [["BOOKMARK", "", "110"], expired] },
    { list: [["same", "1"], ["changed", "9"], ["new", "8"]] },
    { watch: [] },
  ]);
  assert.equal(lists, 2);
  assert.deepEqual(watchedFrom, ["101", "102"]);
  assert.deepEqual(seen, [
    ...["same@1", "changed@2", "vanished@3"],
    ...["vanished@gone", "changed@9", "new@8"],
  ]);
});

for (
  const [name, error] of [
    ["an ERROR event", ApiError.fromStatus("GET /x", { code: 500 })],
    [
      "a version ahead of the server's",
      ApiError.fromStatus("GET /x", { code: 504, reason: "Timeout" }),
    ],
  ] as const
) {
  Deno.test(`Reflector lists anew after ${name}`, async () => {
    const { lists } = await play([
      { list: [] },
      { watch: [error] },
      { list: [] },
      { watch: [] },
    ]);
    assert.equal(lists, 2);
  });
}

Deno.test("Reflector keeps trying when the API server is down, and does not list again for that", async () => {
  const { seen, lists, reflector } = await play([
    { list: down },
    { list: down },
    { list: [["a", "1"]] },
    { watch: [down] },
    { watch: [["MODIFIED", "a", "105"]] },
  ]);
  assert.equal(lists, 3);
  assert.deepEqual(seen, ["a@1", "a@105"]);
  assert.equal(reflector.reachable, true);
  assert.ok(reflector.lastSyncedAt instanceof Date);
});

Deno.test("Reflector does not tell of a version twice", async () => {
  const { seen } = await play([
    { list: [["a", "1"]] },
    { watch: [expired] },
    { list: [["a", "1"]] },
    { watch: [["ADDED", "a", "1"]] },
  ]);
  assert.deepEqual(seen, ["a@1"]);
});

Deno.test("Reflector drops managedFields", async () => {
  const { reflector } = await play([{ list: [["a", "1"]] }, { watch: [] }]);
  assert.equal(reflector.get("uid-a")?.metadata?.managedFields, undefined);
});

Deno.test("Reflector.synced() resolves after the first list, and rejects when aborted before", async () => {
  const { reflector } = await play([{ list: [] }, { watch: [] }]);
  await reflector.synced(new AbortController());
  using client = new ScriptedClient([]);
  const stop = new AbortController();
  const waiting = new Reflector(client, "/x").synced(stop);
  stop.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
});

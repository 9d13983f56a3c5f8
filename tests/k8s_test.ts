import assert from "node:assert/strict";
import { abortable, type AbortOptions } from "../async/abort.ts";
import { TaskGroup } from "../async/task_group.ts";
import { KubeClient } from "../k8s/client.ts";
import { ApiError, UnreachableError } from "../k8s/errors.ts";
import { EventRecorder } from "../k8s/events.ts";
import { loadCredentials } from "../k8s/kubeconfig.ts";
import { apiPath } from "../k8s/paths.ts";
import { Reflector } from "../k8s/reflector.ts";
import type { ConfigMap, Event, Pod } from "../k8s/types.ts";
import {
  type ControlPlane,
  controlPlaneMissing,
  startControlPlane,
} from "./controlplane.ts";
import { needing } from "./needing.ts";

/** Milliseconds within which each step is done. */
const limit = 30_000;

interface Step {
  readonly controlPlane: ControlPlane;
  readonly client: KubeClient;
  readonly signal: AbortSignal;
}

const steps: Readonly<Record<string, (step: Step) => Promise<void>>> = {
  "KubeClient creates, reads, patches, replaces and deletes": verbs,
  "KubeClient rejects with the API server's code and reason": refusals,
  "KubeClient has 32 requests in flight beside 150 watches": manyAtOnce,
  "KubeClient.watch() follows an object and ends on the server's time": watch,
  "Reflector has everything, and tells of no version twice, under churn": churn,
  "Reflector lists more than a page": pages,
  "EventRecorder's Events are seen by kubectl, and repeats are counted": events,
  "Reflector goes on when the API server comes back": restart,
  "KubeClient.watch() rejects with 410 when its version was compacted":
    compaction,
  "KubeClient gives up an API server that hangs, and works when it is back":
    hang,
};

Deno.test({
  ...needing(controlPlaneMissing(), "The API client, against an API server"),
  async fn(t) {
    await using controlPlane = await startControlPlane();
    for (const [name, step] of Object.entries(steps)) {
      await t.step(name, async () => {
        using client = await controlPlane.client();
        const stop = new AbortController();
        const late = setTimeout(() => stop.abort(new Error("too late")), limit);
        try {
          await step({ controlPlane, client, signal: stop.signal });
        } finally {
          clearTimeout(late);
        }
      });
    }
  },
});

function configMaps(namespace: string, name?: string): string {
  return apiPath("v1", "configmaps", { namespace, name });
}

async function newNamespace({ client, signal }: Step, name: string) {
  const path = apiPath("v1", "namespaces");
  await client.create(path, { metadata: { name } }, { signal });
}

async function verbs({ client, signal }: Step): Promise<void> {
  const path = configMaps("default", "verbs");
  assert.equal(await client.get(path, { signal }), undefined);
  const created = await client.create<ConfigMap>(
    configMaps("default"),
    { metadata: { name: "verbs" }, data: { a: "1" } },
    { signal },
  );
  const patched = await client.patch<ConfigMap>(
    path,
    { data: { b: "2" } },
    { signal, type: "merge" },
  );
  assert.deepEqual(patched.data, { a: "1", b: "2" });
  await client.patch(
    path,
    [{ op: "remove", path: "/data/a" }],
    { signal, type: "json" },
  );
  await assert.rejects(
    client.replace(path, created, { signal }),
    { code: 409, reason: "Conflict" },
  );
  const current = await client.get<ConfigMap>(path, { signal });
  assert.deepEqual(current?.data, { b: "2" });
  await client.replace(path, { ...current, data: { c: "3" } }, { signal });
  await assert.rejects(
    client.delete(path, { signal, uid: "another" }),
    { code: 409, reason: "Conflict" },
  );
  const uid = created.metadata?.uid ?? "";
  assert.equal(await client.delete(path, { signal, uid }), true);
  assert.equal(await client.delete(path, { signal }), false);
}

async function refusals({ controlPlane, signal }: Step): Promise<void> {
  const file = `${controlPlane.dir}/nobody.kubeconfig`;
  const config = JSON.parse(await Deno.readTextFile(controlPlane.kubeconfig));
  config.users[0].user.as = "nobody";
  await Deno.writeTextFile(file, JSON.stringify(config));
  using nobody = new KubeClient(
    await loadCredentials({ kubeconfig: file, env: {} }),
  );
  await assert.rejects(
    nobody.list(apiPath("v1", "pods"), { signal }),
    (error) => {
      assert.ok(error instanceof ApiError);
      assert.equal(error.code, 403);
      assert.equal(error.reason, "Forbidden");
      assert.match(
        error.message,
        /^Cannot GET \/api\/v1\/pods: 403 Forbidden: pods is forbidden: User "nobody"/,
      );
      return true;
    },
  );
  using admin = await controlPlane.client();
  const bad = { metadata: { name: "No Name" } };
  await assert.rejects(
    admin.create(configMaps("default"), bad, { signal }),
    { code: 422, reason: "Invalid" },
  );
  const twice = { metadata: { name: "default" } };
  await assert.rejects(
    admin.create(apiPath("v1", "namespaces"), twice, { signal }),
    { code: 409, reason: "AlreadyExists" },
  );
}

async function manyAtOnce(step: Step): Promise<void> {
  const { client, signal } = step;
  const stop = new AbortController();
  let opened = 0;
  const allOpen = Promise.withResolvers<void>();
  const watches = Array.from({ length: 150 }, async (_, i) => {
    const events = client.watch(configMaps("default"), {
      signal: stop.signal,
      query: { fieldSelector: `metadata.name=none-${i}` },
      onOpen: () => ++opened === 150 && allOpen.resolve(),
    });
    await assert.rejects(events.next(), /enough/);
  });
  await allOpen.promise;
  await newNamespace(step, "many");
  await Promise.all(Array.from({ length: 32 }, async (_, i) => {
    const pod = { metadata: { name: `p-${i}` }, spec: podSpec };
    const pods = { namespace: "many", name: `p-${i}`, subresource: "status" };
    await client.create(
      apiPath("v1", "pods", { namespace: "many" }),
      pod,
      { signal },
    );
    const patched = await client.patch<Pod>(
      apiPath("v1", "pods", pods),
      { status: { phase: "Running" } },
      { signal },
    );
    assert.equal(patched.status?.phase, "Running");
  }));
  stop.abort(new Error("enough"));
  await Promise.all(watches);
}

const podSpec = {
  nodeName: "nowhere",
  containers: [{ name: "c", image: "c" }],
};

async function watch(step: Step): Promise<void> {
  const { client, signal } = step;
  await newNamespace(step, "watch");
  const path = configMaps("watch");
  const query = { timeoutSeconds: 2, resourceVersion: "0" };
  const opened = Promise.withResolvers<void>();
  const seen: string[] = [];
  const reading = (async () => {
    const events = client.watch<ConfigMap>(path, {
      signal,
      query,
      onOpen: opened.resolve,
    });
    for await (const { type, object } of events) {
      seen.push(`${type} ${object.metadata?.name}`);
    }
  })();
  await opened.promise;
  await client.create(path, { metadata: { name: "w" } }, {
    signal,
  });
  await client.patch(configMaps("watch", "w"), { data: { x: "日本" } }, {
    signal,
  });
  await client.delete(configMaps("watch", "w"), { signal });
  await reading;
  assert.deepEqual(seen, ["ADDED w", "MODIFIED w", "DELETED w"]);
}

/** A reflector that runs, and what its reader has seen of each object. */
class Observed implements AsyncDisposable {
  readonly reflector: Reflector<ConfigMap>;
  readonly versions = new Map<string, string[]>();
  readonly #group: TaskGroup;
  #changed = Promise.withResolvers<void>();

  constructor({ client, signal }: Step, path: string) {
    this.reflector = new Reflector<ConfigMap>(client, path);
    this.#group = new TaskGroup(signal);
    this.#group.spawn((signal) => this.reflector.run({ signal }));
    this.#group.spawn(async (signal) => {
      for await (const uid of this.reflector.changes({ signal })) {
        const object = this.reflector.get(uid);
        const version = object?.metadata?.resourceVersion ?? "gone";
        this.versions.set(uid, [...this.versions.get(uid) ?? [], version]);
        this.#changed.resolve();
        this.#changed = Promise.withResolvers<void>();
      }
    });
  }

  /** Resolves when what was reflected is what is there. */
  async until(reached: () => boolean): Promise<void> {
    const { signal } = this.#group;
    while (!reached()) await abortable(this.#changed.promise, { signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#group[Symbol.asyncDispose]();
  }
}

async function churn(step: Step): Promise<void> {
  const { client, signal } = step;
  await newNamespace(step, "churn");
  await using observed = new Observed(step, configMaps("churn"));
  const made: string[] = [];
  await Promise.all(Array.from({ length: 8 }, async (_, worker) => {
    for (let i = 0; i < 15; i++) {
      const name = `c-${worker}-${i}`;
      const path = configMaps("churn", name);
      const { metadata } = await client.create<ConfigMap>(
        configMaps("churn"),
        { metadata: { name } },
        { signal },
      );
      made.push(metadata?.uid ?? "");
      await client.patch(path, { data: { i: `${i}` } }, { signal });
      if (i % 3 === 0) await client.delete(path, { signal });
    }
  }));
  const { items } = await client.list<ConfigMap>(configMaps("churn"), {
    signal,
  });
  const want = items.map(({ metadata }) => metadata?.resourceVersion);
  const last = () =>
    [...observed.versions.values()].map((versions) => versions.at(-1)).filter(
      (version) => version !== "gone",
    );
  await observed.until(() =>
    [...last()].sort().join() === [...want].sort().join()
  );
  for (const [uid, versions] of observed.versions) {
    assert.equal(new Set(versions).size, versions.length, `${versions}`);
    assert.ok(made.includes(uid));
  }
  assert.equal(items.length, 8 * 10);
}

async function pages(step: Step): Promise<void> {
  const { client, signal } = step;
  await newNamespace(step, "pages");
  const names = Array.from({ length: 501 }, (_, i) => `p-${i}`);
  await Promise.all(Array.from({ length: 16 }, async () => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      const body = { metadata: { name } };
      await client.create(configMaps("pages"), body, { signal });
    }
  }));
  await using observed = new Observed(step, configMaps("pages"));
  await observed.reflector.synced({ signal });
  assert.equal([...observed.reflector.list()].length, 501);
}

async function events(step: Step): Promise<void> {
  const { controlPlane, client, signal } = step;
  await newNamespace(step, "events");
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    namespace: "events",
    name: "web",
    uid: "u1",
    fieldPath: "spec.containers{web}",
  };
  const backOff = {
    type: "Warning",
    reason: "BackOff",
    message: "Back-off restarting failed container web",
  } as const;
  const recorder = new EventRecorder(client, { host: "edge-1" });
  const path = apiPath("v1", "events", { namespace: "events" });
  for (const count of [1, 2]) {
    const stop = new AbortController();
    const running = recorder.run(stop);
    recorder.record(pod, backOff);
    recorder.record({ ...pod, namespace: "no-such-namespace" }, {
      ...backOff,
      reason: "Killing",
    });
    stop.abort();
    await running;
    const { items } = await client.list<Event>(path, { signal });
    assert.deepEqual(items.map((event) => event.count), [count]);
  }
  const table = await controlPlane.kubectl(["get", "events", "-n", "events"]);
  assert.match(table, /Warning +BackOff +pod\/web +Back-off restarting failed/);
}

async function restart(step: Step): Promise<void> {
  const { controlPlane, client, signal } = step;
  await newNamespace(step, "restart");
  const path = configMaps("restart");
  await client.create(path, { metadata: { name: "a" } }, { signal });
  await using observed = new Observed(step, path);
  const { reflector, versions } = observed;
  await reflector.synced({ signal });
  const synced = reflector.lastSyncedAt;
  await controlPlane.stopApiServer();
  await controlPlane.startApiServer();
  const { metadata } = await client.patch<ConfigMap>(
    configMaps("restart", "a"),
    { data: { x: "1" } },
    { signal },
  );
  const { uid = "", resourceVersion = "" } = metadata ?? {};
  await observed.until(() => versions.get(uid)?.at(-1) === resourceVersion);
  assert.equal(versions.get(uid)?.length, 2);
  assert.equal(reflector.lastSyncedAt, synced);
  assert.equal(reflector.reachable, true);
}

async function compaction(step: Step): Promise<void> {
  const { controlPlane, client, signal } = step;
  await controlPlane.compact();
  await controlPlane.stopApiServer();
  await controlPlane.startApiServer();
  const events = client.watch(configMaps("default"), {
    signal,
    query: { resourceVersion: "1" },
  });
  await assert.rejects(
    Array.fromAsync(events),
    { name: "ApiError", code: 410, reason: "Expired" },
  );
}

async function hang({ controlPlane, signal }: Step): Promise<void> {
  const { kubeconfig } = controlPlane;
  const credentials = await loadCredentials({ kubeconfig, env: {} });
  using client = new KubeClient(credentials, { timeout: 500 });
  const path = apiPath("v1", "namespaces");
  await untilListed(client, path, { signal });
  controlPlane.pauseApiServer();
  try {
    await assert.rejects(client.list(path, { signal }), {
      name: "UnreachableError",
      message: /GET \/api\/v1\/namespaces had no answer in time$/,
    });
  } finally {
    controlPlane.resumeApiServer();
  }
  await untilListed(client, path, { signal });
}

/** Half a second may be too little for a machine that has much to do. */
async function untilListed(
  client: KubeClient,
  path: string,
  { signal }: AbortOptions,
): Promise<void> {
  for (;;) {
    try {
      await client.list(path, { signal });
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof UnreachableError)) throw error;
    }
  }
}

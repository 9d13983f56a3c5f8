import assert from "node:assert/strict";
import type { Pod } from "../k8s/types.ts";
import type { AbortOptions } from "../async/abort.ts";
import type { ContainerRef, LogOptions } from "../providers/runtime.ts";
import { kubeletApp } from "./app.ts";
import type { KubeletContext } from "./context.ts";

const state = { running: { startedAt: "2026-01-01T00:00:00Z" } };
const web: Pod = {
  metadata: { namespace: "default", name: "web", uid: "u1" },
  spec: { containers: [{ name: "app" }, { name: "new" }] },
  status: {
    containerStatuses: [
      {
        ...{ name: "app", image: "i:1", imageID: "", ready: true, state },
        restartCount: 0,
        containerID: "x://1",
      },
      {
        ...{ name: "new", image: "i:2", imageID: "", ready: false },
        restartCount: 0,
        state: { waiting: { reason: "ContainerCreating" } },
      },
    ],
  },
};

type ReadLogs = NonNullable<KubeletContext["backend"]["readLogs"]>;

function newApp(backend: KubeletContext["backend"]) {
  const ctx: KubeletContext = {
    nodeName: "n1",
    backend,
    pods: () => [web],
    findPod: (namespace, name) =>
      namespace === "default" && name === "web" ? web : undefined,
  };
  return kubeletApp(ctx, ({ authorization }) =>
    Promise.resolve(
      authorization === "no"
        ? { kind: "refused", status: 401, message: "Unauthorized" }
        : { kind: "allowed" },
    ));
}

const peer = { kind: "anonymous" } as const;
const env = { peer, left: new AbortController().signal };
const readLogs: ReadLogs = ({ container }) =>
  ReadableStream.from([new TextEncoder().encode(`log of ${container}`)]);

const base = "/containerLogs/default/web";
const cases: [request: string, status: number, body: string][] = [
  ["GET /healthz", 200, "ok"],
  ["GET /healthz/ping", 200, "ok"],
  ["POST /healthz", 405, "Method Not Allowed"],
  [`GET ${base}/app`, 200, "log of app"],
  [`POST ${base}/app`, 405, "Method Not Allowed"],
  [`GET ${base}/nope`, 404, 'container "nope" not found in pod "web"'],
  ["GET /containerLogs/default/gone/app", 404, 'pod "gone" does not exist'],
  ["GET /containerLogs/other/web/app", 404, 'pod "web" does not exist'],
  ["GET /containerLogs/default/web", 404, "404 Not Found"],
  [
    `GET ${base}/app?tailLines=x`,
    400,
    '{"message": "Unable to decode query."}',
  ],
  [`GET ${base}/app?tailLines=-1`, 422, '{"message": "Invalid request."}'],
  [`GET ${base}/nope?tailLines=-1`, 422, '{"message": "Invalid request."}'],
  [
    `GET ${base}/app?previous=true`,
    400,
    'previous terminated container "app" in pod "web" not found',
  ],
  [
    `GET ${base}/new`,
    400,
    'container "new" in pod "web" is waiting to start: ContainerCreating',
  ],
  ["POST /exec/default/other/app?output=1", 404, "pod does not exist"],
  [
    "POST /exec/default/web/app?command=ls&output=1",
    501,
    "The provider of this node cannot run commands in containers",
  ],
  ["GET /healthz/log", 200, "ok"],
  ["GET /healthz/syncloop", 200, "ok"],
  [
    "GET /stats/summary",
    501,
    "The provider of this node cannot tell what pods use",
  ],
  ["GET /stats/container", 404, "404 Not Found"],
  ["POST /metrics", 405, "Method Not Allowed"],
  ["GET /configz", 200, '{"kubeletconfig":{}}'],
  ["GET /logs", 501, "farlet does not show the logs of the machine"],
  ["GET /logs/syslog", 501, "farlet does not show the logs of the machine"],
  [
    "POST /checkpoint/default/web/app",
    501,
    "farlet cannot take checkpoints of containers",
  ],
  ["GET /nope", 404, "404 Not Found"],
];
for (const [request, status, body] of cases) {
  Deno.test(`kubeletApp() answers ${status} to ${request}`, async () => {
    const [method = "", path = ""] = request.split(" ");
    const response = await newApp({ readLogs }).request(path, { method }, env);
    assert.equal(await response.text(), body);
    assert.equal(response.status, status);
  });
}

Deno.test("kubeletApp() answers a log as plain text", async () => {
  const response = await newApp({ readLogs }).request(`${base}/app`, {}, env);
  assert.equal(response.headers.get("content-type"), "text/plain");
  assert.equal(response.headers.get("content-encoding"), null);
  await response.body?.cancel();
});

Deno.test("kubeletApp() hands the options of a log on", async () => {
  const seen: [ContainerRef, LogOptions][] = [];
  const app = newApp({
    readLogs(ref, { signal: _, ...options }) {
      seen.push([ref, options]);
      const { signal } = new AbortController();
      return readLogs(ref, { ...options, signal });
    },
  });
  const query =
    "follow=1&tailLines=0&timestamps=true&sinceTime=2026-01-01T00:00:00Z";
  const response = await app.request(`${base}/app?${query}`, {}, env);
  await response.body?.cancel();
  assert.deepEqual(seen, [[
    { podUid: "u1", container: "app" },
    {
      ...{ follow: true, previous: false, timestamps: true, tailLines: 0 },
      since: new Date("2026-01-01T00:00:00Z"),
    },
  ]]);
});

Deno.test("kubeletApp() answers 501 for logs that the provider has not", async () => {
  const response = await newApp({}).request(`${base}/app`, {}, env);
  assert.equal(response.status, 501);
  await response.body?.cancel();
});

Deno.test("kubeletApp() answers 400 when a log cannot be read at all", async () => {
  const app = newApp({
    readLogs: () =>
      new ReadableStream({
        pull: () => Promise.reject(new Deno.errors.NotFound("no such run")),
      }),
  });
  const response = await app.request(`${base}/app`, {}, env);
  assert.equal(response.status, 400);
  assert.equal(await response.text(), "no such run");
});

Deno.test("kubeletApp() breaks a log off when reading fails later", async () => {
  let reads = 0;
  const app = newApp({
    readLogs: () =>
      new ReadableStream({
        pull(controller) {
          if (++reads > 1) throw new Error("disk gone");
          controller.enqueue(new Uint8Array(3));
        },
      }, { highWaterMark: 0 }),
  });
  const response = await app.request(`${base}/app`, {}, env);
  assert.equal(response.status, 200);
  await assert.rejects(response.bytes(), /disk gone/);
});

/** A log that says nothing, and tells when nobody wants it any more. */
function quietLog() {
  const aborted = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<void>();
  const read = (_: ContainerRef, { signal }: AbortOptions) => {
    signal.addEventListener("abort", () => aborted.resolve());
    return new ReadableStream<Uint8Array>({
      cancel: () => cancelled.resolve(),
    });
  };
  return { read, over: Promise.all([aborted.promise, cancelled.promise]) };
}

Deno.test("kubeletApp() answers for a log that says nothing yet, and ends it when cancelled", async () => {
  const log = quietLog();
  const app = newApp({ readLogs: log.read });
  const response = await app.request(`${base}/app?follow=true`, {}, env);
  assert.equal(response.status, 200);
  await response.body?.cancel();
  await log.over;
});

Deno.test("kubeletApp() ends a log when the client has left", async () => {
  const log = quietLog();
  const client = new AbortController();
  const app = newApp({ readLogs: log.read });
  const response = await app.request(`${base}/app?follow=true`, {}, {
    ...env,
    left: client.signal,
  });
  const body = response.bytes();
  client.abort(new Error("left"));
  await assert.rejects(body, /left/);
  await log.over;
});

Deno.test("kubeletApp() reads a log no faster than the client does", async () => {
  let produced = 0;
  const app = newApp({
    readLogs: () =>
      new ReadableStream({
        pull(controller) {
          controller.enqueue(new Uint8Array([produced++]));
        },
      }, { highWaterMark: 0 }),
  });
  const response = await app.request(`${base}/app`, {}, env);
  assert.ok(response.body);
  const reader = response.body.getReader();
  await reader.read();
  await reader.read();
  assert.ok(produced <= 3, `${produced} chunks for 2 that were read`);
  await reader.cancel();
});

Deno.test("GET /pods lists every pod with its status", async () => {
  const response = await newApp({}).request("/pods", {}, env);
  assert.deepEqual(await response.json(), {
    kind: "PodList",
    apiVersion: "v1",
    metadata: {},
    items: [web],
  });
});

for (const path of ["/runningpods", "/runningpods/"]) {
  Deno.test(`GET ${path} lists names and running containers`, async () => {
    const response = await newApp({}).request(path, {}, env);
    assert.deepEqual((await response.json()).items, [{
      metadata: { namespace: "default", name: "web", uid: "u1" },
      spec: { containers: [{ name: "app", image: "i:1" }] },
      status: {},
    }]);
  });
}

Deno.test("kubeletApp() ends the connection of who is refused", async () => {
  const headers = { authorization: "no" };
  const response = await newApp({}).request("/pods", { headers }, env);
  assert.equal(response.status, 401);
  assert.equal(await response.text(), "Unauthorized");
  assert.equal(response.headers.get("connection"), "close");
});

Deno.test("kubeletApp() cannot upgrade a connection that was used before", async () => {
  const headers = { upgrade: "SPDY/3.1", connection: "upgrade" };
  const response = await newApp({})
    .request("/exec/default/web/app", { method: "POST", headers }, env);
  assert.equal(response.status, 400);
  await response.body?.cancel();
});

Deno.test("kubeletApp() is not healthy while the pods are not known", async () => {
  const ctx: KubeletContext = {
    ...{ nodeName: "n1", backend: {}, podsSynced: () => false },
    pods: () => [],
    findPod: () => undefined,
  };
  const app = kubeletApp(ctx, () => Promise.resolve({ kind: "allowed" }));
  const health = await app.request("/healthz", {}, env);
  assert.equal(health.status, 500);
  assert.match(await health.text(), /syncloop failed: reason withheld/);
  assert.equal(health.headers.get("connection"), "close");
  const syncloop = await app.request("/healthz/syncloop", {}, env);
  assert.equal(syncloop.status, 500);
  assert.match(await syncloop.text(), /not known yet/);
});

Deno.test("kubeletApp() counts requests, also those that it refuses", async () => {
  const app = newApp({});
  const headers = { authorization: "no" };
  const refused = await app.request("/pods", { headers }, env);
  await refused.body?.cancel();
  const metrics = await app.request("/metrics", {}, env);
  assert.match(
    await metrics.text(),
    /^kubelet_http_requests_total\{.*method="GET",path="pods",.*\} 1$/m,
  );
});

import assert from "node:assert/strict";
import { abortable } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import { serveFake } from "../tests/fake_api_server.ts";
import { KubeClient } from "./client.ts";
import { UnreachableError } from "./errors.ts";
import { EventRecorder } from "./events.ts";
import type { Event } from "./types.ts";

const pod = { kind: "Pod", namespace: "shop", name: "web", uid: "u1" };
const started = {
  type: "Normal",
  reason: "Started",
  message: "Started container web",
} as const;

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body: Event;
}

/** Answers as `answer` says, or yes; tells of each call. */
function apiServer(answer: (call: Call) => number = () => 201) {
  const calls: Call[] = [];
  const changed: (() => void)[] = [];
  const server = serveFake(async (request) => {
    const path = new URL(request.url).pathname;
    const call = { method: request.method, path, body: await request.json() };
    const status = answer(call);
    calls.push(call);
    changed.forEach((check) => check());
    const kind = status < 300 ? "Event" : "Status";
    return Response.json({ kind, code: status }, { status });
  });
  /** Resolves when so many calls were made; rejects after 10 s. */
  async function reached(count: number): Promise<void> {
    const made = Promise.withResolvers<void>();
    const check = () => calls.length >= count && made.resolve();
    changed.push(check);
    check();
    using late = new Deadline(10_000, new AbortController());
    await abortable(made.promise, late);
  }
  return {
    ...server,
    calls,
    reached,
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  };
}

/** Runs a recorder while `use` works, then stops it and waits for its end. */
async function recording(
  server: ReturnType<typeof apiServer>,
  use: (recorder: EventRecorder) => Promise<void>,
): Promise<void> {
  using client = new KubeClient(server.credentials);
  const recorder = new EventRecorder(client, { host: "edge-1" });
  const stop = new AbortController();
  const running = recorder.run(stop);
  try {
    await use(recorder);
  } finally {
    stop.abort();
    await running;
  }
}

Deno.test("EventRecorder writes an Event of the object's namespace, as this node", async () => {
  await using server = apiServer();
  await recording(server, async (recorder) => {
    recorder.record({ ...pod, fieldPath: "spec.containers{web}" }, started);
    await server.reached(1);
  });
  const [{ method, path, body }] = server.calls as [Call];
  assert.equal(`${method} ${path}`, "POST /api/v1/namespaces/shop/events");
  assert.match(body.metadata.name ?? "", /^web\.[0-9a-f]{16}$/);
  assert.equal(body.involvedObject.fieldPath, "spec.containers{web}");
  assert.deepEqual(
    [body.type, body.reason, body.message, body.count],
    ["Normal", "Started", "Started container web", 1],
  );
  assert.deepEqual(body.source, { component: "kubelet", host: "edge-1" });
  assert.equal(body.reportingComponent, "kubelet");
  assert.equal(body.firstTimestamp, body.lastTimestamp);
});

Deno.test("EventRecorder writes Events of objects without namespace to default", async () => {
  await using server = apiServer();
  await recording(server, async (recorder) => {
    recorder.record({ kind: "Node", name: "edge-1", uid: "edge-1" }, started);
    await server.reached(1);
  });
  assert.equal(server.calls[0]?.path, "/api/v1/namespaces/default/events");
});

Deno.test("EventRecorder counts up a repeat, and writes what differs anew", async () => {
  await using server = apiServer();
  await recording(server, async (recorder) => {
    recorder.record(pod, started);
    await server.reached(1);
    recorder.record(pod, started);
    await server.reached(2);
    recorder.record(pod, { ...started, message: "Started container two" });
    recorder.record({ ...pod, uid: "u2" }, started);
    await server.reached(4);
  });
  const methods = server.calls.map(({ method }) => method);
  assert.deepEqual(methods, ["POST", "PATCH", "POST", "POST"]);
  const name = server.calls[0]?.body.metadata.name;
  assert.ok(server.calls[1]?.path.endsWith(`/events/${name}`));
  assert.equal(server.calls[1]?.body.count, 2);
});

Deno.test("EventRecorder writes repeats that wait as one", async () => {
  await using server = apiServer();
  await recording(server, async (recorder) => {
    for (let i = 0; i < 25; i++) recorder.record(pod, started);
    await server.reached(1);
  });
  assert.equal(server.calls.length, 1);
  assert.equal(server.calls[0]?.body.count, 25);
});

Deno.test("EventRecorder writes an Event anew when the counted one is gone", async () => {
  await using server = apiServer(({ method }) =>
    method === "PATCH" ? 404 : 201
  );
  await recording(server, async (recorder) => {
    recorder.record(pod, started);
    await server.reached(1);
    recorder.record(pod, started);
    await server.reached(3);
  });
  const methods = server.calls.map(({ method }) => method);
  assert.deepEqual(methods, ["POST", "PATCH", "POST"]);
  assert.equal(server.calls[2]?.body.count, 2);
});

Deno.test("EventRecorder drops what is refused and goes on", async () => {
  await using server = apiServer(({ body }) =>
    body.reason === "Killing" ? 403 : 201
  );
  await recording(server, async (recorder) => {
    recorder.record(pod, { ...started, reason: "Killing" });
    recorder.record(pod, started);
    await server.reached(2);
  });
  const reasons = server.calls.map(({ body }) => body.reason);
  assert.deepEqual(reasons, ["Killing", "Started"]);
});

Deno.test("EventRecorder tries again under the same name when the server fails", async () => {
  let failures = 1;
  await using server = apiServer(() => failures-- > 0 ? 500 : 201);
  await recording(server, async (recorder) => {
    recorder.record(pod, started);
    await server.reached(2);
  });
  const names = server.calls.map(({ body }) => body.metadata.name);
  assert.equal(names[0], names[1]);
});

Deno.test("EventRecorder writes what waits before it ends", async () => {
  await using server = apiServer();
  await recording(server, (recorder) => {
    for (let i = 0; i < 200; i++) {
      recorder.record({ ...pod, uid: `u${i}` }, started);
    }
    return Promise.resolve();
  });
  assert.equal(server.calls.length, 200);
});

Deno.test("EventRecorder keeps at most 10,000 different Events and counts the others", async () => {
  await using server = apiServer();
  using client = new KubeClient(server.credentials);
  const recorder = new EventRecorder(client, { host: "edge-1" });
  for (let i = 0; i < 10_005; i++) {
    recorder.record({ ...pod, uid: `u${i}` }, started);
  }
  recorder.record({ ...pod, uid: "u1" }, started);
  assert.equal(recorder.dropped, 5);
});

Deno.test("EventRecorder combines what differs only by its message, in one Event", async () => {
  await using server = apiServer();
  await recording(server, async (recorder) => {
    for (let i = 0; i < 20; i++) {
      recorder.record(pod, { ...started, message: `Started ${i}` });
      await server.reached(i + 1);
    }
  });
  const methods = server.calls.map(({ method }) => method);
  assert.deepEqual(methods.slice(0, 10), Array(10).fill("POST"));
  assert.deepEqual(methods.slice(10), Array(10).fill("PATCH"));
  const { message, count } = server.calls.at(-1)?.body ?? {};
  assert.equal(message, "(combined from similar events): Started 19");
  assert.equal(count, 11);
});

Deno.test("EventRecorder tells at most 25 Events of an object at once", async () => {
  await using server = apiServer();
  await recording(server, async (recorder) => {
    for (let i = 0; i < 40; i++) {
      recorder.record(pod, { ...started, reason: `Reason${i}` });
    }
    recorder.record({ ...pod, uid: "u2", name: "other" }, started);
    await server.reached(26);
  });
  assert.equal(server.calls.length, 26);
  assert.equal(server.calls.at(-1)?.body.involvedObject.uid, "u2");
});

Deno.test("EventRecorder loses what no server takes for two minutes", async () => {
  let now = Date.parse("2026-01-01T00:00:00Z");
  const written: string[] = [];
  let isAway = true;
  const done = Promise.withResolvers<void>();
  const create = (_path: string, body: Event): Promise<Event> => {
    if (isAway) {
      isAway = false;
      now += 120_000;
      recorder.record({ ...pod, uid: "new" }, started);
      return Promise.reject(new UnreachableError("server", "it is away"));
    }
    written.push(body.involvedObject.uid ?? "");
    done.resolve();
    return Promise.resolve(body);
  };
  const client = { create, patch: () => Promise.reject(new Error("no")) };
  const recorder = new EventRecorder(client, {
    host: "edge-1",
    now: () => new Date(now),
  });
  recorder.record({ ...pod, uid: "old" }, started);
  recorder.record({ ...pod, uid: "as old" }, started);
  const stop = new AbortController();
  const running = recorder.run(stop);
  using late = new Deadline(10_000, new AbortController());
  await abortable(done.promise, late);
  stop.abort();
  await running;
  assert.deepEqual(written, ["new"]);
  assert.equal(recorder.dropped, 2);
});

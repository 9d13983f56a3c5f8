import assert from "node:assert/strict";
import { Deadline } from "../async/deadline.ts";
import { Metrics } from "../async/metrics.ts";
import { serveFake } from "../tests/fake_api_server.ts";
import { KubeClient } from "./client.ts";
import { ApiError, UnreachableError } from "./errors.ts";

const { signal } = new AbortController();

function status(code: number, reason: string, headers: HeadersInit = {}) {
  const body = { kind: "Status", code, reason, message: "because" };
  return Response.json(body, { status: code, headers });
}

Deno.test("KubeClient sends the content type of each kind of patch", async () => {
  await using server = serveFake((request) =>
    Response.json({ type: request.headers.get("content-type") })
  );
  using client = new KubeClient(server.credentials);
  const types = ["strategic", "merge", "json"] as const;
  const got = await Promise.all(
    types.map((type) => client.patch("/x", {}, { signal, type })),
  );
  assert.deepEqual(got, [
    { type: "application/strategic-merge-patch+json" },
    { type: "application/merge-patch+json" },
    { type: "application/json-patch+json" },
  ]);
});

Deno.test("KubeClient counts requests by their answers", async () => {
  await using server = serveFake(({ url }) =>
    url.endsWith("/x") ? Response.json({}) : status(404, "NotFound")
  );
  const metrics = new Metrics();
  using client = new KubeClient(server.credentials, { metrics });
  await client.get("/x", { signal });
  await client.get("/x", { signal });
  await client.get("/none", { signal });
  const [requests] = metrics.families();
  assert.equal(requests?.name, "rest_client_requests_total");
  const { host } = new URL(client.server);
  assert.deepEqual(requests.samples, [
    { labels: { code: "200", host, method: "GET" }, value: 2 },
    { labels: { code: "404", host, method: "GET" }, value: 1 },
  ]);
});

Deno.test("KubeClient counts what got no answer, but not what was aborted", async () => {
  const server = serveFake(() => Response.json({}));
  const { credentials } = server;
  await server[Symbol.asyncDispose]();
  const metrics = new Metrics();
  using client = new KubeClient(credentials, { metrics });
  await assert.rejects(client.get("/x", { signal }), UnreachableError);
  const gone = AbortSignal.abort(new Error("enough"));
  await assert.rejects(client.get("/x", { signal: gone }), /enough/);
  const [requests] = metrics.families();
  assert.deepEqual(
    requests?.samples.map(({ labels: { code }, value }) => [code, value]),
    [["<error>", 1]],
  );
});

Deno.test("KubeClient rejects with code, reason and message of the Status", async () => {
  await using server = serveFake(() => status(403, "Forbidden"));
  using client = new KubeClient(server.credentials);
  await assert.rejects(
    client.list("/api/v1/pods", { signal, query: { limit: 1 } }),
    (error) => {
      assert.ok(error instanceof ApiError);
      assert.equal(error.code, 403);
      assert.equal(error.reason, "Forbidden");
      assert.equal(
        error.message,
        "Cannot GET /api/v1/pods: 403 Forbidden: because",
      );
      return true;
    },
  );
});

Deno.test("KubeClient rejects with what a proxy says in prose", async () => {
  await using server = serveFake(() =>
    new Response("<h1>no upstream</h1>", { status: 502 })
  );
  using client = new KubeClient(server.credentials);
  await assert.rejects(client.list("/x", { signal }), {
    name: "ApiError",
    code: 502,
    message: "Cannot GET /x: 502 BadGateway: <h1>no upstream</h1>",
  });
});

Deno.test("KubeClient rejects when the answer is not JSON", async () => {
  await using server = serveFake(() => new Response("<html>"));
  using client = new KubeClient(server.credentials);
  await assert.rejects(client.list("/x", { signal }), /answer is not JSON/);
});

Deno.test("KubeClient.get() and delete() say that there is no such object", async () => {
  await using server = serveFake(() => status(404, "NotFound"));
  using client = new KubeClient(server.credentials);
  assert.equal(await client.get("/x", { signal }), undefined);
  assert.equal(await client.delete("/x", { signal }), false);
});

Deno.test("KubeClient waits as long as a busy server asks, and tries again", async () => {
  let calls = 0;
  await using server = serveFake(() =>
    ++calls < 3
      ? status(429, "TooManyRequests", { "retry-after": "0" })
      : Response.json({ done: true })
  );
  using client = new KubeClient(server.credentials);
  assert.deepEqual(await client.create("/x", {}, { signal }), { done: true });
  assert.equal(calls, 3);
});

Deno.test("KubeClient gives up when the server stays busy", async () => {
  let calls = 0;
  await using server = serveFake(() => {
    calls += 1;
    return status(429, "TooManyRequests", { "retry-after": "0" });
  });
  using client = new KubeClient(server.credentials);
  await assert.rejects(client.list("/x", { signal }), { code: 429 });
  assert.equal(calls, 4);
});

Deno.test("KubeClient does not repeat a POST that may have been done", async () => {
  let calls = 0;
  await using server = serveFake(() => {
    calls += 1;
    return status(503, "ServiceUnavailable", { "retry-after": "0" });
  });
  using client = new KubeClient(server.credentials);
  await assert.rejects(client.create("/x", {}, { signal }), { code: 503 });
  assert.equal(calls, 1);
});

Deno.test("KubeClient authorizes anew once when its token has expired", async () => {
  const seen: (string | null)[] = [];
  await using server = serveFake((request) => {
    const token = request.headers.get("authorization");
    seen.push(token);
    return token === "Bearer new"
      ? Response.json({})
      : status(401, "Unauthorized");
  });
  using client = new KubeClient({
    ...server.credentials,
    authorize(headers, { fresh = false }) {
      headers.set("authorization", fresh ? "Bearer new" : "Bearer old");
      return Promise.resolve();
    },
  });
  await client.list("/x", { signal });
  assert.deepEqual(seen, ["Bearer old", "Bearer new"]);
});

Deno.test("KubeClient does not ask again with the same refused token", async () => {
  let calls = 0;
  await using server = serveFake(() => {
    calls += 1;
    return status(401, "Unauthorized");
  });
  using client = new KubeClient(server.credentials);
  await assert.rejects(client.list("/x", { signal }), { code: 401 });
  assert.equal(calls, 1);
});

Deno.test("KubeClient gives up a request that has no answer in time", async () => {
  const held = Promise.withResolvers<Response>();
  await using server = serveFake(() => held.promise);
  using client = new KubeClient(server.credentials, { timeout: 20 });
  await assert.rejects(client.list("/x", { signal }), (error) => {
    assert.ok(error instanceof UnreachableError);
    assert.match(error.message, /GET \/x had no answer in time$/);
    return true;
  });
  held.resolve(new Response());
});

Deno.test("KubeClient rejects with the caller's reason when aborted", async () => {
  const held = Promise.withResolvers<Response>();
  const stop = new AbortController();
  await using server = serveFake(() => {
    stop.abort(new Error("enough"));
    return held.promise;
  });
  using client = new KubeClient(server.credentials);
  await assert.rejects(client.list("/x", stop), /^Error: enough$/);
  held.resolve(new Response());
});

Deno.test("KubeClient names the server and the reason when nobody listens", async () => {
  const { credentials } = await closedServer();
  using client = new KubeClient(credentials);
  await assert.rejects(client.list("/x", { signal }), {
    name: "UnreachableError",
    message:
      `Cannot reach the API server ${credentials.server}: the connection was refused`,
  });
});

async function closedServer() {
  await using server = serveFake(() => new Response());
  return { credentials: server.credentials };
}

const event = '{"type":"ADDED","object":{}}\n';

Deno.test("KubeClient.watch() asks for 5 to 10 minutes and ends when the server does", async () => {
  let query = new URLSearchParams();
  await using server = serveFake((request) => {
    query = new URL(request.url).searchParams;
    return new Response(event);
  });
  using client = new KubeClient(server.credentials);
  const events = await Array.fromAsync(
    client.watch("/x", { signal, query: { resourceVersion: "7" } }),
  );
  assert.equal(events.length, 1);
  assert.equal(query.get("watch"), "true");
  assert.equal(query.get("resourceVersion"), "7");
  const seconds = Number(query.get("timeoutSeconds"));
  assert.ok(seconds >= 300 && seconds <= 600, `${seconds}`);
});

/** A watch with one event that then stays open. */
function openWatch(closed = () => {}): Response {
  return new Response(
    new ReadableStream({
      cancel: closed,
      start: (controller) =>
        controller.enqueue(new TextEncoder().encode(event)),
    }),
  );
}

Deno.test("KubeClient.watch() rejects when a watch with bookmarks stays silent", async () => {
  await using server = serveFake(() => openWatch());
  using client = new KubeClient(server.credentials, { watchSilence: 30 });
  const seen: string[] = [];
  const query = { allowWatchBookmarks: true };
  using late = new Deadline(5_000, { signal });
  await assert.rejects(async () => {
    const events = client.watch("/x", { signal: late.signal, query });
    for await (const { type } of events) seen.push(type);
  }, { name: "UnreachableError" });
  assert.deepEqual(seen, ["ADDED"]);
});

Deno.test("KubeClient.watch() outlives the timeout of other requests", async () => {
  const release = Promise.withResolvers<void>();
  await using server = serveFake(() =>
    new Response(ReadableStream.from((async function* () {
      yield new TextEncoder().encode(event);
      await release.promise;
      yield new TextEncoder().encode(event);
    })()))
  );
  using client = new KubeClient(server.credentials, { timeout: 20 });
  const events = client.watch("/x", { signal });
  await events.next();
  // Another request of the same client times out meanwhile.
  await assert.rejects(
    client.list("/x", { signal }),
    { name: "UnreachableError" },
  );
  release.resolve();
  assert.equal((await events.next()).value?.type, "ADDED");
  assert.equal((await events.next()).done, true);
});

Deno.test("KubeClient.watch() closes its connection when the reader leaves", async () => {
  const closed = Promise.withResolvers<void>();
  await using server = serveFake(() => openWatch(closed.resolve));
  using client = new KubeClient(server.credentials);
  for await (const _ of client.watch("/x", { signal })) break;
  await closed.promise;
});

Deno.test("KubeClient.watch() rejects when the connection is cut", async () => {
  await using server = cutServer();
  using client = new KubeClient(server.credentials);
  await assert.rejects(
    Array.fromAsync(client.watch("/x", { signal })),
    { name: "UnreachableError", message: /the connection was cut$/ },
  );
});

/** Sends the beginning of a chunked answer and hangs up. */
function cutServer() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    const connection = await listener.accept();
    const head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    const chunk = `${event.length.toString(16)}\r\n${event}\r\n`;
    await connection.read(new Uint8Array(4096));
    await connection.write(new TextEncoder().encode(head + chunk));
    connection.close();
    listener.close();
  })();
  return {
    credentials: {
      server: `http://127.0.0.1:${listener.addr.port}`,
      caCertificates: [],
      namespace: "default",
      authorize: () => Promise.resolve(),
      describe: () => "a fake",
    },
    [Symbol.asyncDispose]: () => serving,
  };
}

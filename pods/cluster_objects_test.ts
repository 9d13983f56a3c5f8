import assert from "node:assert/strict";
import { delay } from "../async/delay.ts";
import { KubeClient } from "../k8s/client.ts";
import type { Pod } from "../k8s/types.ts";
import { serveFake } from "../tests/fake_api_server.ts";
import { ClusterObjects } from "./cluster_objects.ts";

const pod = (uid: string) => ({ uid, namespace: "default", name: uid });

/** An API server with one Secret, which counts what it is asked. */
function secretServer({ immutable }: { readonly immutable: boolean }) {
  const seen = { lists: 0, openWatches: 0, watches: 0 };
  const secret = {
    metadata: { name: "key", namespace: "default", resourceVersion: "1" },
    data: { key: "a2V5" },
    immutable,
  };
  const server = serveFake((request) => {
    const { searchParams } = new URL(request.url);
    if (!searchParams.has("watch")) {
      seen.lists++;
      const metadata = { resourceVersion: "1" };
      return Response.json({ metadata, items: [secret] });
    }
    seen.watches++;
    seen.openWatches++;
    return new Response(
      new ReadableStream({ cancel: () => void seen.openWatches-- }),
    );
  });
  return { server, seen };
}

Deno.test("ClusterObjects asks for an immutable Secret once while a pod uses it, and again for the next", async () => {
  const { server, seen } = secretServer({ immutable: true });
  await using api = server;
  using client = new KubeClient(api.credentials);
  await using objects = new ClusterObjects(client);
  const signal = AbortSignal.timeout(10_000);
  const read = (uid: string) => objects.secret(pod(uid), "key", { signal });
  assert.deepEqual((await read("a"))?.data, { key: "a2V5" });
  for (const uid of ["a", "b", "a"]) assert.ok(await read(uid));
  objects.release("a");
  assert.ok(await read("b"));
  while (seen.openWatches > 0) await delay(5, { signal });
  assert.equal(seen.lists, 1);
  // One may have been under way when the Secret came.
  assert.ok(seen.watches <= 1, `${seen.watches} watches`);
  objects.release("b");
  assert.ok(await read("c"));
  assert.equal(seen.lists, 2);
});

Deno.test("ClusterObjects watches a Secret that may change until nobody uses it", async () => {
  const { server, seen } = secretServer({ immutable: false });
  await using api = server;
  using client = new KubeClient(api.credentials);
  await using objects = new ClusterObjects(client);
  const signal = AbortSignal.timeout(10_000);
  for (const uid of ["a", "b"]) {
    assert.ok(await objects.secret(pod(uid), "key", { signal }));
  }
  while (seen.openWatches === 0) await delay(5, { signal });
  objects.release("a");
  assert.deepEqual(seen, { lists: 1, openWatches: 1, watches: 1 });
  objects.release("b");
  while (seen.openWatches > 0) await delay(5, { signal });
});

Deno.test("ClusterObjects asks for a token as the pod says, keeps it until it is due, and then tells the pod", async () => {
  const asked: unknown[] = [];
  await using api = serveFake(async (request) => {
    asked.push(new URL(request.url).pathname, (await request.json()).spec);
    const expirationTimestamp = new Date(Date.now() + 600_000).toISOString();
    return Response.json({
      spec: { expirationSeconds: 600 },
      status: { token: `token ${asked.length / 2}`, expirationTimestamp },
    });
  });
  using client = new KubeClient(api.credentials);
  const lives: number[] = [];
  const renewAfter = (seconds: number) => {
    lives.push(seconds);
    return 150;
  };
  await using objects = new ClusterObjects(client, { renewAfter });
  const signal = AbortSignal.timeout(10_000);
  const web: Pod = {
    metadata: pod("a"),
    spec: { containers: [], serviceAccountName: "builder" },
  };
  const get = async (audience: string) => {
    const wanted = { audience, expirationSeconds: 600 };
    return (await objects.serviceAccountToken(web, wanted, { signal })).token;
  };
  const changes = objects.changes({ signal });
  const due = changes.next();
  assert.equal(await get("vault"), "token 1");
  assert.equal(await get("vault"), "token 1");
  assert.deepEqual(asked, [
    "/api/v1/namespaces/default/serviceaccounts/builder/token",
    {
      audiences: ["vault"],
      expirationSeconds: 600,
      boundObjectRef: { apiVersion: "v1", kind: "Pod", name: "a", uid: "a" },
    },
  ]);
  assert.equal((await due).value, "a");
  assert.equal(await get("vault"), "token 2");
  assert.equal(await get("other"), "token 3");
  assert.deepEqual(lives, [600, 600, 600]);
  objects.release("a");
  await changes.return(undefined);
});

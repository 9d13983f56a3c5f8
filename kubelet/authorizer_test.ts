import assert from "node:assert/strict";
import { Authorizer, nodeAccess } from "./authorizer.ts";
import type { KubeApi } from "./context.ts";

/** AuthzTestCases of kubernetes/pkg/kubelet/server/auth_test.go, v1.37. */
const paths: [path: string, subresources: string[]][] = [
  ["/attach/ns/pod/c", ["proxy"]],
  ["/attach/ns/pod/uid/c", ["proxy"]],
  ["/checkpoint/ns/pod/c", ["checkpoint"]],
  ["/configz", ["configz", "proxy"]],
  ["/flagz", ["configz"]],
  ["/statusz", ["statusz"]],
  ["/containerLogs/ns/pod/c", ["proxy"]],
  ["/debug/pprof/heap", ["proxy"]],
  ["/exec/ns/pod/c", ["proxy"]],
  ["/healthz", ["healthz", "proxy"]],
  ["/healthz/syncloop", ["healthz", "proxy"]],
  ["/logs/", ["log"]],
  ["/logs/a/b", ["log"]],
  ["/metrics", ["metrics"]],
  ["/metrics/cadvisor", ["metrics"]],
  ["/pods", ["pods", "proxy"]],
  ["/pods/", ["pods", "proxy"]],
  ["/podsx", ["proxy"]],
  ["/portForward/ns/pod", ["proxy"]],
  ["/run/ns/pod/c", ["proxy"]],
  ["/runningpods/", ["pods", "proxy"]],
  ["/stats/", ["stats"]],
  ["/stats/summary", ["stats"]],
];
for (const [path, subresources] of paths) {
  Deno.test(`nodeAccess() of ${path} needs ${subresources.join(" or ")}`, () => {
    assert.deepEqual(nodeAccess("GET", path), { verb: "get", subresources });
  });
}

const methods: [method: string, verb: string][] = [
  ["POST", "create"],
  ["GET", "get"],
  ["PUT", "update"],
  ["PATCH", "patch"],
  ["DELETE", "delete"],
  ["HEAD", ""],
];
for (const [method, verb] of methods) {
  Deno.test(`nodeAccess() calls ${method} "${verb}"`, () => {
    assert.equal(nodeAccess(method, "/exec/a/b/c").verb, verb);
  });
}

interface Review {
  readonly spec: {
    readonly user: string;
    readonly groups: string[];
    readonly resourceAttributes: { readonly subresource: string };
  };
}

/** An API server that allows what `allow` says, and remembers what it was asked. */
function fakeApi(allow: (review: Review) => boolean) {
  const asked: Review[] = [];
  const api: KubeApi = {
    get: () => Promise.resolve(undefined),
    create<T>(path: string, body: unknown) {
      assert.equal(path, "/apis/authorization.k8s.io/v1/subjectaccessreviews");
      asked.push(body as Review);
      return Promise.resolve(
        { status: { allowed: allow(body as Review) } } as T,
      );
    },
  };
  return { api, asked };
}

const { signal } = new AbortController();
const nodeName = "n1";
const alice = { username: "alice", groups: ["staff"] };

Deno.test("Authorizer asks about the node, the verb and the user", async () => {
  const { api, asked } = fakeApi(() => true);
  const authorizer = new Authorizer({ api, nodeName, signal });
  const user = { ...alice, uid: "7", extra: { scopes: ["a"] } };
  assert.ok(await authorizer.allows(user, nodeAccess("POST", "/exec/a/b/c")));
  assert.deepEqual(asked, [{
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    spec: {
      user: "alice",
      uid: "7",
      groups: ["staff"],
      extra: { scopes: ["a"] },
      resourceAttributes: {
        verb: "create",
        version: "v1",
        resource: "nodes",
        subresource: "proxy",
        name: "n1",
      },
    },
  }]);
});

Deno.test("Authorizer allows what one of the subresources allows", async () => {
  const allow = (subresource: string) =>
    fakeApi((review) =>
      review.spec.resourceAttributes.subresource === subresource
    );
  const access = nodeAccess("GET", "/pods");
  for (
    const [granted, want] of [["pods", true], ["proxy", true], [
      "log",
      false,
    ]] as const
  ) {
    const { api } = allow(granted);
    const authorizer = new Authorizer({ api, nodeName, signal });
    assert.equal(await authorizer.allows(alice, access), want, granted);
  }
});

Deno.test("Authorizer remembers a yes for 5 minutes and a no for 30 seconds", async () => {
  let now = 0;
  const { api, asked } = fakeApi(({ spec }) => spec.user === "alice");
  const authorizer = new Authorizer({ api, nodeName, signal, now: () => now });
  const access = nodeAccess("GET", "/stats/summary");
  const bob = { username: "bob", groups: [] };
  const ask = async () => [
    await authorizer.allows(alice, access),
    await authorizer.allows(bob, access),
  ];
  assert.deepEqual(await ask(), [true, false]);
  now = 29_999;
  assert.deepEqual(await ask(), [true, false]);
  assert.equal(asked.length, 2);
  now = 30_000;
  await ask();
  assert.deepEqual(asked.map(({ spec }) => spec.user), ["alice", "bob", "bob"]);
  now = 300_000;
  await authorizer.allows(alice, access);
  assert.equal(asked.length, 4);
});

Deno.test("Authorizer denies everything without an API server to ask", async () => {
  const authorizer = new Authorizer({ api: undefined, nodeName, signal });
  assert.equal(
    await authorizer.allows(alice, nodeAccess("GET", "/pods")),
    false,
  );
});

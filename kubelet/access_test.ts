import assert from "node:assert/strict";
import { accessCheck } from "./access.ts";
import { bearerToken } from "./authenticator.ts";
import type { KubeApi, Peer } from "./context.ts";

const { signal } = new AbortController();
const anonymous: Peer = { kind: "anonymous" };

/** Knows one token and allows one group; remembers the reviews it was asked for. */
function fakeApi() {
  const asked: string[] = [];
  const api: KubeApi = {
    get: () => Promise.resolve(undefined),
    // deno-lint-ignore no-explicit-any
    create<T>(path: string, body: any) {
      asked.push(path.split("/").at(-1) ?? "");
      if (path.endsWith("tokenreviews")) {
        if (body.spec.token === "broken") {
          return Promise.reject(new Error("The API server is away"));
        }
        const authenticated = body.spec.token === "good";
        const user = { username: "robot", uid: "1", groups: ["robots"] };
        return Promise.resolve({ status: { authenticated, user } } as T);
      }
      const { user, groups } = body.spec;
      if (user === "unlucky") {
        return Promise.reject(new Error("The API server is away"));
      }
      assert.ok(groups.includes("system:authenticated"));
      return Promise.resolve(
        { status: { allowed: groups.includes("robots") } } as T,
      );
    },
  };
  return { api, asked };
}

function certificate(username: string, ...groups: string[]): Peer {
  return { kind: "certificate", user: { username, groups } };
}

const refused = (status: number, message: string) => ({
  kind: "refused",
  status,
  message,
});
const unauthorized = refused(401, "Unauthorized");
const allowed = { kind: "allowed" };

const cases: [
  name: string,
  request: {
    peer?: Peer;
    path?: string;
    method?: string;
    authorization?: string;
  },
  want: object,
][] = [
  ["lets everybody see /healthz", { path: "/healthz" }, allowed],
  [
    "lets strangers only GET it",
    { path: "/healthz", method: "POST" },
    unauthorized,
  ],
  [
    "lets strangers see nothing below it",
    { path: "/healthz/log" },
    unauthorized,
  ],
  ["refuses strangers", {}, unauthorized],
  ["lets a good token in", { authorization: "Bearer good" }, allowed],
  ["refuses a bad token", { authorization: "Bearer bad" }, unauthorized],
  [
    "refuses a token that cannot be checked",
    { authorization: "Bearer broken" },
    unauthorized,
  ],
  ["lets who reaches the local socket do everything", {
    peer: { kind: "local" },
    path: "/exec/a/b/c",
    method: "POST",
  }, allowed],
  ["refuses other schemes", { authorization: "Basic Z29vZDo=" }, unauthorized],
  ["lets a certificate of the right group in", {
    peer: certificate("a", "robots"),
  }, allowed],
  [
    "tells others what they lack",
    { peer: certificate("a", "staff") },
    refused(
      403,
      "Forbidden (user=a, verb=get, resource=nodes, subresource(s)=[pods proxy])\n",
    ),
  ],
  [
    "believes a certificate rather than a token",
    {
      peer: certificate("a", "staff"),
      path: "/exec/a/b/c",
      authorization: "Bearer good",
    },
    refused(
      403,
      "Forbidden (user=a, verb=get, resource=nodes, subresource(s)=[proxy])\n",
    ),
  ],
  [
    "says when it cannot ask",
    { peer: certificate("unlucky") },
    refused(
      500,
      "Authorization error (user=unlucky, verb=get, resource=nodes, subresource=pods)",
    ),
  ],
];
for (const [name, request, want] of cases) {
  Deno.test(`accessCheck() ${name}`, async () => {
    const check = accessCheck({ api: fakeApi().api, nodeName: "n1", signal });
    const verdict = await check({
      peer: anonymous,
      method: "GET",
      path: "/pods",
      authorization: undefined,
      ...request,
    });
    assert.deepEqual(verdict, want);
  });
}

Deno.test("accessCheck() asks about a token and a permission once", async () => {
  const { api, asked } = fakeApi();
  const check = accessCheck({ api, nodeName: "n1", signal });
  const request = { peer: anonymous, method: "GET", path: "/stats/summary" };
  for (const token of ["good", "bad", "good", "bad"]) {
    await check({ ...request, authorization: `Bearer ${token}` });
  }
  assert.deepEqual(asked, [
    "tokenreviews",
    "subjectaccessreviews",
    "tokenreviews",
  ]);
});

Deno.test("accessCheck() asks each time when nothing is remembered", async () => {
  const { api, asked } = fakeApi();
  const check = accessCheck({
    ...{ api, nodeName: "n1", signal },
    ...{ tokenLifetimeMs: 0, allowedLifetimeMs: 0, deniedLifetimeMs: 0 },
  });
  const request = { peer: anonymous, method: "GET", path: "/stats/summary" };
  for (const token of ["good", "bad", "good"]) {
    await check({ ...request, authorization: `Bearer ${token}` });
  }
  assert.deepEqual(asked, [
    ...["tokenreviews", "subjectaccessreviews", "tokenreviews"],
    ...["tokenreviews", "subjectaccessreviews"],
  ]);
});

Deno.test("accessCheck() asks about system:anonymous only where that is on and nothing is shown", async () => {
  const asked: unknown[] = [];
  const api: KubeApi = {
    ...fakeApi().api,
    // deno-lint-ignore no-explicit-any
    create<T>(path: string, { spec }: any) {
      if (path.endsWith("tokenreviews")) {
        return Promise.resolve({ status: { authenticated: false } } as T);
      }
      asked.push([spec.user, ...spec.groups]);
      const { subresource } = spec.resourceAttributes;
      return Promise.resolve(
        { status: { allowed: subresource === "pods" } } as T,
      );
    },
  };
  const check = accessCheck({ api, nodeName: "n1", anonymous: true, signal });
  const status = async (path: string, authorization?: string) => {
    const method = "GET";
    const verdict = await check({
      peer: anonymous,
      method,
      path,
      authorization,
    });
    return verdict.kind === "refused" ? verdict.status : 200;
  };
  assert.equal(await status("/pods"), 200);
  assert.equal(await status("/metrics"), 403);
  assert.equal(await status("/exec/a/b/c"), 403);
  assert.equal(await status("/pods", "Bearer bad"), 401);
  const nobody = ["system:anonymous", "system:unauthenticated"];
  assert.deepEqual(asked, [nobody, nobody, nobody]);
});

Deno.test("accessCheck() lets nobody in without an API server to ask", async () => {
  const check = accessCheck({ api: undefined, nodeName: "n1", signal });
  const request = {
    method: "GET",
    path: "/pods",
    authorization: "Bearer good",
  };
  assert.equal((await check({ ...request, peer: anonymous })).kind, "refused");
  const admin = certificate("admin", "system:masters");
  assert.equal((await check({ ...request, peer: admin })).kind, "refused");
});

const headers: [header: string | undefined, token: string | undefined][] = [
  [undefined, undefined],
  ["Bearer abc", "abc"],
  [" bEARER abc def", "abc"],
  ["Bearer", undefined],
  ["Bearer  abc", undefined],
  ["Basic abc", undefined],
];
for (const [header, token] of headers) {
  Deno.test(`bearerToken() of "${header}" is ${token}`, () => {
    assert.equal(bearerToken(header), token);
  });
}

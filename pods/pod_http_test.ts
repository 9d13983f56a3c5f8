import assert from "node:assert/strict";
import { Deadline } from "../async/deadline.ts";
import { UnreachableError } from "../providers/errors.ts";
import {
  containerPort,
  followingGet,
  httpGet,
  httpGetRequest,
} from "./pod_http.ts";
import { localDial, untrustedKeyPair } from "./test_dial.ts";

const { signal } = new AbortController();
const container = {
  name: "c",
  ports: [{ name: "web", containerPort: 8080 }],
};
const target = { container, podIp: "10.0.0.5", user: "probe" } as const;

Deno.test("httpGetRequest() has the kubelet's headers unless the pod says otherwise", () => {
  const request = httpGetRequest({ port: "web", path: "/x?y=1" }, target);
  assert.deepEqual(request, {
    scheme: "http",
    host: "10.0.0.5",
    port: 8080,
    path: "/x?y=1",
    headers: [
      { name: "User-Agent", value: "kube-probe/1.37" },
      { name: "Accept", value: "*/*" },
    ],
  });
  const httpHeaders = [
    { name: "user-agent", value: "mine" },
    { name: "Accept", value: "" },
    { name: "X", value: "1" },
    { name: "X", value: "2" },
  ];
  const other = httpGetRequest({
    ...{ host: "example.org", port: 1, scheme: "HTTPS", httpHeaders },
  }, target);
  assert.equal(other.scheme, "https");
  assert.equal(other.host, "example.org");
  assert.equal(other.path, "/");
  assert.deepEqual(other.headers.map(({ name, value }) => `${name}=${value}`), [
    "user-agent=mine",
    "X=1",
    "X=2",
  ]);
});

for (
  const [port, want] of [
    [80, 80],
    ["web", 8080],
    ["81", 81],
    ["no", /^strconv\.Atoi: parsing "no": invalid syntax$/],
    [0, /^invalid port number: 0$/],
    ["70000", /^invalid port number: 70000$/],
  ] as const
) {
  Deno.test(`containerPort() of ${JSON.stringify(port)} is ${want}`, () => {
    if (typeof want === "number") {
      assert.equal(containerPort(port, container), want);
    } else {
      assert.throws(() => containerPort(port, container), { message: want });
    }
  });
}

/** A GET of a server of this machine. */
async function get(
  answer: (request: Request) => Response,
  { path = "/", host, tls = false }: {
    readonly path?: string;
    readonly host?: string;
    readonly tls?: boolean;
  } = {},
) {
  await using server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen() {},
    ...(tls ? await untrustedKeyPair() : {}),
  }, answer);
  const request = httpGetRequest({
    scheme: tls ? "HTTPS" : "HTTP",
    port: server.addr.port,
    path,
    ...(host && { httpHeaders: [{ name: "Host", value: host }] }),
  }, { ...target, podIp: "127.0.0.1" });
  return await followingGet(request, { dial: localDial, signal });
}

Deno.test("httpGet() sends Host and path, and gives status and body", async () => {
  const answer = await get(
    (request) => {
      const { pathname, search } = new URL(request.url);
      const { headers } = request;
      return new Response(
        `${headers.get("host")} ${pathname}${search} ${
          headers.get("connection")
        }`,
        { status: 503 },
      );
    },
    { path: "/a%20b?c=d", host: "other.example" },
  );
  assert.deepEqual(answer, {
    status: 503,
    body: "other.example /a%20b?c=d close",
  });
});

Deno.test("httpGet() reads at most 10 KiB of a body, also in chunks", async () => {
  const { status, body } = await get(() =>
    new Response(
      new ReadableStream({
        start(controller) {
          for (let i = 0; i < 20; i++) controller.enqueue(new Uint8Array(1024));
          controller.close();
        },
      }),
    )
  );
  assert.equal(status, 200);
  assert.equal(body.length, 10 * 1024);
});

Deno.test("httpGet() speaks TLS with a server whose certificate nobody signed", async () => {
  const { body } = await get(() => new Response("secret"), { tls: true });
  assert.equal(body, "secret");
});

Deno.test("httpGet() says that a server speaks HTTP and no TLS", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(),
  );
  const { port } = server.addr;
  const request = httpGetRequest({ scheme: "HTTPS", port }, {
    ...target,
    podIp: "127.0.0.1",
  });
  await assert.rejects(httpGet(request, { dial: localDial, signal }), {
    message:
      `Get "https://127.0.0.1:${port}/": http: server gave HTTP response to HTTPS client`,
  });
});

Deno.test("followingGet() follows redirects to the same host", async () => {
  const { body } = await get((request) => {
    const { pathname } = new URL(request.url);
    return pathname === "/"
      ? new Response(null, { status: 302, headers: { location: "/next" } })
      : new Response(pathname);
  });
  assert.equal(body, "/next");
});

Deno.test("followingGet() gives the redirect itself that leads to another host", async () => {
  const location = "http://0.0.0.0/";
  const answer = await get(() =>
    new Response("moved", { status: 301, headers: { location } })
  );
  assert.deepEqual(answer, { status: 301, body: "moved", location });
});

Deno.test("followingGet() ends after 10 redirects", async () => {
  let asked = 0;
  await assert.rejects(
    get(() => {
      asked++;
      return new Response(null, { status: 302, headers: { location: "/" } });
    }),
    /^Error: Get "http:.*": stopped after 10 redirects$/,
  );
  assert.equal(asked, 10);
});

Deno.test("httpGet() fails in Go's words where nobody listens", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const at = `127.0.0.1:${port}`;
  const request = httpGetRequest({ port, path: "/healthz" }, {
    ...target,
    podIp: "127.0.0.1",
  });
  await assert.rejects(httpGet(request, { dial: localDial, signal }), {
    message:
      `Get "http://${at}/healthz": dial tcp ${at}: connect: connection refused`,
  });
});

Deno.test("httpGet() fails with EOF where a server hangs up, and with the deadline where it is silent", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const request = httpGetRequest({ port }, { ...target, podIp: "127.0.0.1" });
  const hungUp = httpGet(request, { dial: localDial, signal });
  (await listener.accept()).close();
  await assert.rejects(hungUp, /^Error: Get "http:.*": EOF$/);
  using deadline = new Deadline(50, { signal });
  const silent = httpGet(request, { dial: localDial, signal: deadline.signal });
  const [conn] = await Promise.all([
    listener.accept(),
    assert.rejects(silent, { name: "TimeoutError" }),
  ]);
  conn.close();
});

Deno.test("httpGet() fails with an UnreachableError where the host cannot be reached", async () => {
  const request = httpGetRequest({ port: 1 }, target);
  const dial = () => Promise.reject(new UnreachableError("gone"));
  await assert.rejects(httpGet(request, { dial, signal }), UnreachableError);
});

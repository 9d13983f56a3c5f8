import assert from "node:assert/strict";
import type { Pod } from "../../k8s/types.ts";
import type { AccessVerdict } from "../access.ts";
import { PushbackStream } from "../../async/byte_stream.ts";
import type { KubeletContext } from "../context.ts";
import { readResponseHead } from "../../async/http_head.ts";
import { SpdySession } from "./spdy_session.ts";
import { echo, testPort } from "./test_ports.ts";
import { connectLocally } from "./test_ports.ts";
import { streamPair } from "./test_stream.ts";
import { within } from "./test_within.ts";
import { type StreamingOptions, streamingUpgrade } from "./upgrade.ts";
import { WebSocketConnection, webSocketTunnel } from "./websocket.ts";

const web: Pod = {
  metadata: { namespace: "default", name: "web", uid: "u1" },
  spec: { containers: [{ name: "app" }] },
};
const backend: KubeletContext["backend"] = {
  exec: () => Promise.resolve(7),
  attach: () => Promise.resolve(),
  portForward: (_podUid, port) => connectLocally(port),
};
const exec = "/exec/default/web/app?output=1&command=ls";
const webSocket = {
  "Upgrade": "websocket",
  "Connection": "Upgrade",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};
const spdy = { "Upgrade": "SPDY/3.1", "Connection": "Upgrade" };

interface Asking extends StreamingOptions {
  readonly method?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly backend?: KubeletContext["backend"];
  readonly verdict?: AccessVerdict;
}

/** Asks for a switch; the client's stream, and what was asked of access. */
async function ask(target: string, asking: Asking) {
  const [near, far] = streamPair();
  const stop = new AbortController();
  const asked: unknown[] = [];
  const upgrade = streamingUpgrade(
    {
      nodeName: "n1",
      backend: asking.backend ?? backend,
      findPod: (_, name) => name === "web" ? web : undefined,
      pods: () => [web],
    },
    (request) => {
      asked.push(request);
      return Promise.resolve(asking.verdict ?? { kind: "allowed" });
    },
    asking,
  );
  const headers = new Headers(asking.headers);
  const isSpdy = headers.get("upgrade") === "SPDY/3.1";
  const served = upgrade({
    peer: { kind: "anonymous" },
    protocol: isSpdy ? "spdy/3.1" : "websocket",
    head: {
      version: "1.1",
      method: asking.method ?? (isSpdy ? "POST" : "GET"),
      target,
      headers,
    },
    stream: near,
  }, stop);
  const body = new PushbackStream(far);
  const response = await within(readResponseHead(body));
  assert.ok(response);
  return {
    ...response,
    body,
    asked,
    async text() {
      const bytes: number[] = [];
      for (let chunk; (chunk = await within(body.read()));) {
        bytes.push(...chunk);
      }
      return new TextDecoder().decode(Uint8Array.from(bytes));
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      far.destroy();
      await within(served);
    },
  };
}

const refusals: readonly (readonly [
  what: string,
  target: string,
  asking: Asking,
  status: number,
  text: RegExp,
])[] = [
  [
    "a pod that is not there",
    exec.replace("web", "nope"),
    {
      headers: webSocket,
    },
    404,
    /^pod does not exist$/,
  ],
  [
    "no stream",
    "/attach/default/web/app",
    {
      headers: webSocket,
    },
    400,
    /you must specify at least 1 of/,
  ],
  [
    "no capability",
    exec,
    {
      ...{ headers: webSocket, backend: {} },
    },
    501,
    /cannot run commands/,
  ],
  ["another path", "/pods", { headers: webSocket }, 404, /Page Not Found/],
  ["/run", "/run/default/web/app?cmd=ls", { headers: spdy }, 400, /switches/],
  [
    "another method",
    exec,
    {
      ...{ headers: spdy, method: "PUT" },
    },
    405,
    /Method Not Allowed/,
  ],
  [
    "SPDY without a version",
    exec,
    {
      headers: spdy,
    },
    400,
    /X-Stream-Protocol-Version does not exist in request with 2 headers/,
  ],
  [
    "SPDY with an empty version",
    exec,
    {
      headers: { ...spdy, "X-Stream-Protocol-Version": " ," },
    },
    400,
    /no valid protocols/,
  ],
  [
    "SPDY with an unknown version",
    exec,
    {
      headers: { ...spdy, "X-Stream-Protocol-Version": "v9, v8" },
    },
    403,
    /client supports \[v9 v8\], server accepts \[v4.channel.k8s.io v3/,
  ],
  [
    "SPDY without a connection header",
    exec,
    {
      headers: { "Upgrade": "SPDY/3.1" },
    },
    400,
    /unable to upgrade/,
  ],
  [
    "a WebSocket by POST",
    exec,
    {
      ...{ headers: webSocket, method: "POST" },
    },
    400,
    /not GET/,
  ],
  [
    "a WebSocket of an unknown protocol",
    exec,
    {
      headers: { ...webSocket, "Sec-WebSocket-Protocol": "v9.channel.k8s.io" },
    },
    403,
    /requested protocol\(s\) are not supported: \[v9/,
  ],
  [
    "a port-forward without ports",
    "/portForward/default/web",
    {
      headers: webSocket,
    },
    400,
    /query parameter "port" is required/,
  ],
];
for (const [what, target, asking, status, text] of refusals) {
  Deno.test(`streamingUpgrade() answers ${status} to ${what}`, async () => {
    await using answer = await ask(target, asking);
    assert.equal(answer.status, status);
    const body = await answer.text();
    assert.match(body, text);
    const { headers } = answer;
    const length = new TextEncoder().encode(body).length;
    assert.equal(headers.get("content-length"), `${length}`);
    assert.match(headers.get("content-type") ?? "", /^text\/plain/);
    assert.equal(headers.get("allow"), status === 405 ? "GET, POST" : null);
  });
}

Deno.test("streamingUpgrade() names the versions that it speaks", async () => {
  const headers = { ...spdy, "X-Stream-Protocol-Version": "v9" };
  await using answer = await ask(exec, { headers });
  assert.equal(
    answer.headers.get("x-accepted-stream-protocol-versions"),
    "v4.channel.k8s.io, v3.channel.k8s.io, v2.channel.k8s.io, channel.k8s.io",
  );
});

for (const status of [401, 403, 500] as const) {
  Deno.test(`streamingUpgrade() answers ${status} before anything else to who may not`, async () => {
    const message = `No, Jörg (${status})\n`;
    await using answer = await ask("/exec/default/nope/app", {
      headers: { ...webSocket, Authorization: "Bearer x" },
      verdict: { kind: "refused", status, message },
    });
    assert.equal(answer.status, status);
    assert.equal(await answer.text(), message);
    assert.deepEqual(answer.asked, [{
      peer: { kind: "anonymous" },
      method: "GET",
      path: "/exec/default/nope/app",
      authorization: "Bearer x",
    }]);
  });
}

Deno.test("streamingUpgrade() serves exec over SPDY, by the newest version of the client's that it speaks", async () => {
  const versions = "v5.channel.k8s.io, v4.channel.k8s.io,channel.k8s.io";
  const headers = { ...spdy, "X-Stream-Protocol-Version": versions };
  await using answer = await ask(exec, { headers });
  assert.equal(answer.status, 101);
  const { headers: answered } = answer;
  const version = "x-stream-protocol-version";
  assert.equal(answered.get(version), "v4.channel.k8s.io");
  assert.equal(answered.get("upgrade"), "SPDY/3.1");
  const session = new SpdySession(answer.body, { role: "client" });
  const running = session.run(new AbortController());
  const open = (type: string) => session.open(new Map([["streamtype", type]]));
  const [error] = await Promise.all([open("error"), open("stdout")]);
  const status = await within(error.read());
  assert.match(new TextDecoder().decode(status), /exit status 7/);
  await session.close();
  await running;
});

Deno.test("streamingUpgrade() serves attach over WebSocket", async () => {
  const headers = {
    ...webSocket,
    "Sec-WebSocket-Protocol": "v5.channel.k8s.io",
  };
  const target = "/attach/default/web/app?output=1";
  await using answer = await ask(target, { headers });
  assert.equal(answer.status, 101);
  const protocol = answer.headers.get("sec-websocket-protocol");
  assert.equal(protocol, "v5.channel.k8s.io");
  const ws = new WebSocketConnection(answer.body, { role: "client" });
  assert.deepEqual([...(await within(ws.read()))?.data ?? []], [1]);
  const status = (await within(ws.read()))?.data.subarray(1);
  assert.match(new TextDecoder().decode(status), /Success/);
  await ws.close();
});

for (const transport of ["SPDY", "SPDY in WebSocket"] as const) {
  Deno.test(`streamingUpgrade() forwards a port over ${transport}`, async () => {
    await using server = testPort(echo);
    const tunnel = transport !== "SPDY";
    const headers = tunnel
      ? {
        ...webSocket,
        "Sec-WebSocket-Protocol": "SPDY/3.1+portforward.k8s.io",
      }
      : { ...spdy, "X-Stream-Protocol-Version": "portforward.k8s.io" };
    await using answer = await ask("/portForward/default/web", { headers });
    assert.equal(answer.status, 101);
    const stream = tunnel
      ? webSocketTunnel(
        new WebSocketConnection(answer.body, { role: "client" }),
      )
      : answer.body;
    const session = new SpdySession(stream, { role: "client" });
    const running = session.run(new AbortController());
    const open = (streamtype: string) => {
      const port = `${server.port}`;
      return session.open(
        new Map(Object.entries({ streamtype, port, requestid: "1" })),
      );
    };
    const [, data] = await Promise.all([open("error"), open("data")]);
    await data.write(new TextEncoder().encode("hello"));
    const back = await within(data.read());
    assert.equal(new TextDecoder().decode(back), "hello");
    await session.close();
    await running;
  });
}

Deno.test("streamingUpgrade() forwards a port over the old WebSocket form", async () => {
  await using server = testPort(echo);
  const protocol = "v4.base64.channel.k8s.io";
  const headers = { ...webSocket, "Sec-WebSocket-Protocol": protocol };
  const target = `/portForward/default/web?port=${server.port}`;
  await using answer = await ask(target, { headers });
  assert.equal(answer.status, 101);
  const ws = new WebSocketConnection(answer.body, { role: "client" });
  const texts: string[] = [];
  await ws.write(new TextEncoder().encode(`0${btoa("hello")}`), "text");
  while (!texts.includes(`0${btoa("hello")}`)) {
    const message = await within(ws.read());
    assert.ok(message);
    texts.push(new TextDecoder().decode(message.data));
  }
  await ws.close();
});

import assert from "node:assert/strict";
import type { RequestHead } from "../../async/http_head.ts";
import { negotiateWebSocket, webSocketAccept } from "./websocket_handshake.ts";

const key = "dGhlIHNhbXBsZSBub25jZQ==";

function request(
  changes: Record<string, string | undefined> = {},
  method = "GET",
): RequestHead {
  const headers = new Headers({
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": key,
  });
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) headers.delete(name);
    else headers.set(name, value);
  }
  return { method, target: "/", headers, version: "1.1" };
}

function accepted(head: RequestHead, supported: readonly string[]) {
  const outcome = negotiateWebSocket(head, supported);
  assert.equal(outcome.kind, "accepted");
  assert(outcome.kind === "accepted");
  const response = new TextDecoder().decode(outcome.response);
  return { protocol: outcome.protocol, response };
}

Deno.test("webSocketAccept() answers the key of RFC 6455, 1.3", () => {
  assert.equal(webSocketAccept(key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
});

Deno.test("negotiateWebSocket() takes the client's first protocol that is supported", () => {
  const { protocol, response } = accepted(
    request({
      "sec-websocket-protocol": "v9.channel.k8s.io, b.k8s.io,a.k8s.io",
    }),
    ["a.k8s.io", "b.k8s.io"],
  );
  assert.equal(protocol, "b.k8s.io");
  assert.deepEqual(response.split("\r\n").slice(0, 1), [
    "HTTP/1.1 101 Switching Protocols",
  ]);
  assert.match(response, /\r\nSec-WebSocket-Protocol: b\.k8s\.io\r\n/);
  assert.match(
    response,
    /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/,
  );
  assert(response.endsWith("\r\n\r\n"));
});

Deno.test("negotiateWebSocket() accepts no protocol only where the empty name is supported", () => {
  const { protocol, response } = accepted(request(), ["", "a.k8s.io"]);
  assert.equal(protocol, "");
  assert.doesNotMatch(response, /Sec-WebSocket-Protocol/);
  const refused = negotiateWebSocket(request(), ["a.k8s.io"]);
  assert(refused.kind === "refused");
  assert.equal(refused.status, 403);
});

Deno.test("negotiateWebSocket() refuses protocols that nobody here speaks with 403", () => {
  const head = request({ "sec-websocket-protocol": "chat" });
  assert.deepEqual(negotiateWebSocket(head, ["", "a.k8s.io"]), {
    kind: "refused",
    status: 403,
    message:
      "requested protocol(s) are not supported: [chat]; supports [ a.k8s.io]",
  });
});

Deno.test("negotiateWebSocket() finds the tokens of Connection and Upgrade in lists of any case", () => {
  accepted(request({ connection: "keep-alive, upgrade" }), [""]);
  accepted(request({ upgrade: "WebSocket" }), [""]);
});

for (
  const [what, head] of [
    ["another method", request({}, "POST")],
    ["no Upgrade", request({ upgrade: undefined })],
    ["another Upgrade", request({ upgrade: "SPDY/3.1" })],
    ["no Connection: Upgrade", request({ connection: "keep-alive" })],
    ["another version", request({ "sec-websocket-version": "8" })],
    ["no version", request({ "sec-websocket-version": undefined })],
    ["no key", request({ "sec-websocket-key": undefined })],
    ["a short key", request({ "sec-websocket-key": "AAAA" })],
  ] as const
) {
  Deno.test(`negotiateWebSocket() refuses ${what} with 400`, () => {
    const outcome = negotiateWebSocket(head, [""]);
    assert(outcome.kind === "refused");
    assert.equal(outcome.status, 400);
    assert.match(outcome.message, /^Cannot switch to WebSocket: /);
  });
}

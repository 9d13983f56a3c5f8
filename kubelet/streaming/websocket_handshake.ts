import { createHash } from "node:crypto";
import type { RequestHead } from "../../async/http_head.ts";

/** The outcome of {@linkcode negotiateWebSocket}. */
export type WebSocketNegotiation =
  /** `response` is the whole answer; `protocol` is empty for a client that asked for none. */
  | {
    readonly kind: "accepted";
    readonly protocol: string;
    readonly response: Uint8Array;
  }
  /** To be answered with `status`: 400 for no WebSocket request, 403 for unknown protocols. */
  | {
    readonly kind: "refused";
    readonly status: 400 | 403;
    readonly message: string;
  };

/** RFC 6455, 1.3: appended to the client's key. */
const acceptGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** Sixteen bytes in base64. */
const keyPattern = /^[A-Za-z0-9+/]{22}==$/;

/** The answer to a client's `Sec-WebSocket-Key`, by which it knows that it was understood. */
export function webSocketAccept(key: string): string {
  return createHash("sha1").update(key + acceptGuid).digest("base64");
}

/**
 * Checks a request to switch to WebSocket and picks the first protocol of the client's list that
 * is in `supported`. A client that asks for none is accepted if `supported` has an empty name, as
 * by the kubelet, whose old clients ask for none and mean `channel.k8s.io`.
 */
export function negotiateWebSocket(
  { method, headers }: RequestHead,
  supported: readonly string[],
): WebSocketNegotiation {
  if (method !== "GET") return bad(`the method is ${method}, not GET`);
  if (!listOf(headers, "upgrade").includes("websocket")) {
    return bad('the Upgrade header lacks "websocket"');
  }
  if (!listOf(headers, "connection").includes("upgrade")) {
    return bad('the Connection header lacks "upgrade"');
  }
  if (headers.get("sec-websocket-version") !== "13") {
    return bad("Sec-WebSocket-Version is not 13");
  }
  const key = headers.get("sec-websocket-key");
  if (key === null || !keyPattern.test(key)) {
    return bad("Sec-WebSocket-Key is not a base64 value of 16 bytes");
  }
  const asked = (headers.get("sec-websocket-protocol") ?? "")
    .split(",").map((name) => name.trim());
  const protocol = asked.find((name) => supported.includes(name));
  if (protocol === undefined) {
    const message =
      `requested protocol(s) are not supported: [${asked.join(" ")}]; ` +
      `supports [${supported.join(" ")}]`;
    return { kind: "refused", status: 403, message };
  }
  return { kind: "accepted", protocol, response: switching(key, protocol) };
}

function bad(why: string): WebSocketNegotiation {
  const message = `Cannot switch to WebSocket: ${why}`;
  return { kind: "refused", status: 400, message };
}

/** The members of a header that is a list of names, in lower case. */
function listOf(headers: Headers, name: string): readonly string[] {
  return (headers.get(name) ?? "").toLowerCase().split(",")
    .map((member) => member.trim());
}

function switching(key: string, protocol: string): Uint8Array {
  const head = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${webSocketAccept(key)}`,
    // A browser fails the handshake if we name a protocol that it did not ask for.
    ...(protocol === "" ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
  ];
  return new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n`);
}

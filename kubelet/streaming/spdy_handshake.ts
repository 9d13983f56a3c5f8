import type { RequestHead } from "../../async/http_head.ts";
import { responseHead } from "./http_answer.ts";

/** The outcome of {@linkcode negotiateSpdy}. */
export type SpdyNegotiation =
  /** `response` is the whole answer. */
  | {
    readonly kind: "accepted";
    readonly protocol: string;
    readonly response: Uint8Array;
  }
  /** To be answered with `status`: 400 for no proper request, 403 for unknown protocols. */
  | {
    readonly kind: "refused";
    readonly status: 400 | 403;
    readonly message: string;
    readonly headers: readonly (readonly [name: string, value: string])[];
  };

const versionHeader = "X-Stream-Protocol-Version";
const acceptedHeader = "X-Accepted-Stream-Protocol-Versions";

/**
 * Checks a request to switch to SPDY and picks the first protocol of the client's list that is in
 * `supported` (k8s.io/streaming/pkg/httpstream, Handshake).
 */
export function negotiateSpdy(
  { headers }: RequestHead,
  supported: readonly string[],
): SpdyNegotiation {
  if (!/upgrade/i.test(headers.get("connection") ?? "")) {
    return bad('the Connection header lacks "Upgrade"');
  }
  const versions = headers.get(versionHeader);
  if (versions === null) {
    const count = [...headers.keys()].length;
    const why = `does not exist in request with ${count} headers`;
    return bad(`header ${versionHeader} ${why}`);
  }
  const asked = versions.split(",").map((name) => name.trim())
    .filter((name) => name !== "");
  if (asked.length === 0) {
    const why = `contains [${versions}], but no valid protocols`;
    return bad(`header ${versionHeader} ${why}`);
  }
  const protocol = asked.find((name) => supported.includes(name));
  if (protocol === undefined) {
    const message = "unable to upgrade: unable to negotiate protocol: " +
      `client supports [${asked.join(" ")}], ` +
      `server accepts [${supported.join(" ")}]`;
    const headers = supported.map((name) => [acceptedHeader, name] as const);
    return { kind: "refused", status: 403, message, headers };
  }
  const response = responseHead(101, [
    ["Connection", "Upgrade"],
    ["Upgrade", "SPDY/3.1"],
    [versionHeader, protocol],
  ]);
  return { kind: "accepted", protocol, response };
}

function bad(why: string): SpdyNegotiation {
  const message = `unable to upgrade: ${why}`;
  return { kind: "refused", status: 400, message, headers: [] };
}

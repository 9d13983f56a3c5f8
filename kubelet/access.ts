import type { AbortOptions } from "../async/abort.ts";
import { getLogger } from "../async/log.ts";
import { Authenticator } from "./authenticator.ts";
import { Authorizer, nodeAccess } from "./authorizer.ts";
import type { KubeApi, Peer } from "./context.ts";

/** A request, as far as it matters for who may send it. */
export interface AccessRequest {
  readonly peer: Peer;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** The header of that name. */
  readonly authorization: string | undefined;
}

/** Whether a request may go on, else the response it gets: that of the kubelet. */
export type AccessVerdict =
  | { readonly kind: "allowed" }
  | {
    readonly kind: "refused";
    readonly status: 401 | 403 | 500;
    readonly message: string;
  };

/** Decides about a request: who is it, and may they? */
export type CheckAccess = (request: AccessRequest) => Promise<AccessVerdict>;

/** What an operator decides about access; the defaults are the kubelet's. */
export interface AccessSettings {
  /** Whether who shows no credentials is `system:anonymous`; not by default. */
  readonly anonymous?: boolean;
  /** For how many milliseconds the answer about a token is good. */
  readonly tokenLifetimeMs?: number;
  /** For how many milliseconds a permission is good. */
  readonly allowedLifetimeMs?: number;
  /** For how many milliseconds a refusal is good. */
  readonly deniedLifetimeMs?: number;
}

/** Options of {@linkcode accessCheck}. */
export interface AccessCheckOptions extends AccessSettings, AbortOptions {
  /** Without it nobody is known and nothing is allowed. */
  readonly api: KubeApi | undefined;
  readonly nodeName: string;
}

const log = getLogger("kubelet");

/** Authentication and authorization of the kubelet API; `/healthz` alone is open to everybody. */
export function accessCheck(options: AccessCheckOptions): CheckAccess {
  const authenticator = new Authenticator(options.api, options);
  const authorizer = new Authorizer(options);

  return async ({ peer, method, path, authorization }) => {
    if (path === "/healthz" && method === "GET") return { kind: "allowed" };
    if (peer.kind === "local") return { kind: "allowed" };
    const user = await authenticator.authenticate(peer, authorization)
      .catch((error: unknown) => {
        log.warn("Cannot authenticate a request", { error });
        return undefined;
      });
    if (user === undefined) {
      return { kind: "refused", status: 401, message: "Unauthorized" };
    }
    const access = nodeAccess(method, path);
    const about = `user=${user.username}, verb=${access.verb}, resource=nodes`;
    try {
      if (await authorizer.allows(user, access)) return { kind: "allowed" };
    } catch (error) {
      log.warn("Cannot authorize a request", { error, user: user.username });
      const [subresource] = access.subresources;
      const message =
        `Authorization error (${about}, subresource=${subresource})`;
      return { kind: "refused", status: 500, message };
    }
    const subresources = `[${access.subresources.join(" ")}]`;
    const message = `Forbidden (${about}, subresource(s)=${subresources})\n`;
    return { kind: "refused", status: 403, message };
  };
}

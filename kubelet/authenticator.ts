import { createHash } from "node:crypto";
import type { AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import { apiPath } from "../k8s/paths.ts";
import type { KubeApi, Peer, User } from "./context.ts";
import { ExpiringCache } from "./expiring_cache.ts";

/** The kubelet's `authentication.webhook.cacheTTL`; for refused tokens too, as there. */
const tokenLifetimeMs = 2 * 60_000;
const maxTokens = 1000;
const reviewTimeoutMs = 10_000;

/** What a TokenReview answers. */
interface TokenReview {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly user?: Partial<User>;
  };
}

type TokenVerdict =
  | { readonly kind: "known"; readonly user: User }
  | { readonly kind: "unknown" };

/** Finds out who sends a request: by client certificate, else by bearer token. */
export class Authenticator {
  readonly #api: KubeApi | undefined;
  readonly #signal: AbortSignal;
  readonly #tokens = new ExpiringCache<TokenVerdict>({
    maxEntries: maxTokens,
    lifetime: () => tokenLifetimeMs,
  });

  /** Without an API client no token is believed. */
  constructor(api: KubeApi | undefined, { signal }: AbortOptions) {
    this.#api = api;
    this.#signal = signal;
  }

  /**
   * The user, or undefined for an anonymous one. A certificate comes before a token. Rejects when
   * the API server cannot be asked about a token.
   *
   * @param authorization The request's header of that name.
   */
  async authenticate(
    peer: Peer,
    authorization: string | undefined,
  ): Promise<User | undefined> {
    if (peer.kind === "certificate") return authenticated(peer.user);
    const token = bearerToken(authorization);
    const api = this.#api;
    if (token === undefined || api === undefined) return undefined;
    // Tokens are secrets: only their hashes are kept.
    const key = createHash("sha256").update(token).digest("base64");
    const verdict = await this.#tokens.get(key, () => this.#ask(api, token));
    return verdict.kind === "known" ? authenticated(verdict.user) : undefined;
  }

  async #ask(api: KubeApi, token: string): Promise<TokenVerdict> {
    using deadline = new Deadline(reviewTimeoutMs, { signal: this.#signal });
    const review = await api.create<TokenReview>(
      apiPath("authentication.k8s.io/v1", "tokenreviews"),
      {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenReview",
        spec: { token },
      },
      deadline,
    );
    const { authenticated, user } = review.status ?? {};
    if (authenticated !== true || !user?.username) return { kind: "unknown" };
    const { username, uid, groups = [], extra } = user;
    return {
      kind: "known",
      user: {
        username,
        groups,
        ...(uid !== undefined && { uid }),
        ...(extra !== undefined && { extra }),
      },
    };
  }
}

/**
 * The token of an `Authorization: Bearer …` header; undefined for other schemes, as in
 * apiserver/pkg/authentication/request/bearertoken.
 */
export function bearerToken(
  authorization: string | undefined,
): string | undefined {
  const [scheme, token] = authorization?.trim().split(" ") ?? [];
  return scheme?.toLowerCase() === "bearer" && token ? token : undefined;
}

/** Adds the group that every user but the anonymous one is in. */
function authenticated(user: User): User {
  const group = "system:authenticated";
  if (user.groups.includes(group) || user.username === "system:anonymous") {
    return user;
  }
  return { ...user, groups: [...user.groups, group] };
}

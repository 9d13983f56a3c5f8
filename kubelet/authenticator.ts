import { createHash } from "node:crypto";
import type { AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import { apiPath } from "../k8s/paths.ts";
import type { KubeApi, Peer, User } from "./context.ts";
import { ExpiringCache } from "./expiring_cache.ts";

/** The kubelet's default of `authentication.webhook.cacheTTL`. */
const defaultTokenLifetimeMs = 2 * 60_000;
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

/** Who sends nothing that says who he is; apiserver/pkg/authentication/request/anonymous. */
const anonymous: User = {
  username: "system:anonymous",
  groups: ["system:unauthenticated"],
};

/** Options of {@linkcode Authenticator}. */
export interface AuthenticatorOptions extends AbortOptions {
  /** For how long the answer about a token is good, also a refusal; 2 minutes by default. */
  readonly tokenLifetimeMs?: number;
  /** Whether requests without certificate and token are `system:anonymous`'s; not by default. */
  readonly anonymous?: boolean;
}

/** Finds out who sends a request: by client certificate, else by bearer token. */
export class Authenticator {
  readonly #api: KubeApi | undefined;
  readonly #signal: AbortSignal;
  readonly #anonymous: User | undefined;
  readonly #tokens: ExpiringCache<TokenVerdict>;

  /** Without an API client no token is believed. */
  constructor(
    api: KubeApi | undefined,
    options: AuthenticatorOptions,
  ) {
    this.#api = api;
    this.#signal = options.signal;
    this.#anonymous = options.anonymous ? anonymous : undefined;
    const { tokenLifetimeMs = defaultTokenLifetimeMs } = options;
    this.#tokens = new ExpiringCache({
      maxEntries: maxTokens,
      lifetime: () => tokenLifetimeMs,
    });
  }

  /**
   * The user, or undefined if the request is not to go on. A certificate comes before a token.
   * Rejects when the API server cannot be asked about a token.
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
    if (token === undefined) return this.#anonymous;
    if (api === undefined) return undefined;
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

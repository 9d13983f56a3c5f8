import type { AbortOptions } from "../async/abort.ts";
import { Deadline } from "../async/deadline.ts";
import { apiPath } from "../k8s/paths.ts";
import type { KubeApi, User } from "./context.ts";
import { ExpiringCache } from "./expiring_cache.ts";

/** The kubelet's defaults of `authorization.webhook.cacheAuthorizedTTL` and `cacheUnauthorizedTTL`. */
const defaultAllowedLifetimeMs = 5 * 60_000;
const defaultDeniedLifetimeMs = 30_000;
const maxDecisions = 8192;
const reviewTimeoutMs = 10_000;

/** What a request to the kubelet API asks for, in the words of the API server's authorizer. */
export interface NodeAccess {
  /** Such as `get`; empty for a method that has no verb. */
  readonly verb: string;
  /** Subresources of `nodes`, any of which is enough. */
  readonly subresources: readonly [string, ...string[]];
}

/** Options of {@linkcode Authorizer}. */
export interface AuthorizerOptions extends AbortOptions {
  readonly nodeName: string;
  /** Without it everything is denied. */
  readonly api: KubeApi | undefined;
  /** For how long a permission is good; 5 minutes by default. */
  readonly allowedLifetimeMs?: number;
  /** For how long a refusal is good; 30 s by default. */
  readonly deniedLifetimeMs?: number;
  /** The time in milliseconds; `Date.now` by default. */
  readonly now?: () => number;
}

/** Asks the API server whether a user may do something on our node. */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #decisions: ExpiringCache<boolean>;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
    const {
      allowedLifetimeMs = defaultAllowedLifetimeMs,
      deniedLifetimeMs = defaultDeniedLifetimeMs,
    } = options;
    this.#decisions = new ExpiringCache({
      maxEntries: maxDecisions,
      lifetime: (allowed) => allowed ? allowedLifetimeMs : deniedLifetimeMs,
      ...(options.now !== undefined && { now: options.now }),
    });
  }

  /** Whether any of the subresources is allowed; rejects when the API server cannot be asked. */
  async allows(user: User, access: NodeAccess): Promise<boolean> {
    const { api } = this.#options;
    if (api === undefined) return false;
    for (const subresource of access.subresources) {
      const spec = this.#spec(user, access.verb, subresource);
      const key = JSON.stringify(spec);
      if (await this.#decisions.get(key, () => this.#ask(api, spec))) {
        return true;
      }
    }
    return false;
  }

  #spec(user: User, verb: string, subresource: string) {
    const { username, uid, groups, extra } = user;
    return {
      user: username,
      uid,
      groups,
      extra,
      resourceAttributes: {
        verb,
        version: "v1",
        resource: "nodes",
        subresource,
        name: this.#options.nodeName,
      },
    };
  }

  async #ask(api: KubeApi, spec: unknown): Promise<boolean> {
    using deadline = new Deadline(reviewTimeoutMs, this.#options);
    const review = await api.create<{ status?: { allowed?: boolean } }>(
      apiPath("authorization.k8s.io/v1", "subjectaccessreviews"),
      {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec,
      },
      deadline,
    );
    return review.status?.allowed === true;
  }
}

const verbs: Readonly<Record<string, string>> = {
  POST: "create",
  GET: "get",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

/** Paths whose own subresource is enough, tried before {@linkcode onlySubresources}. */
const fineSubresources = [
  ["/allocatedPods", "pods"],
  ["/pods", "pods"],
  ["/healthz", "healthz"],
  ["/configz", "configz"],
  ["/runningpods", "pods"],
] as const;

/** Paths that `nodes/proxy` does not open. */
const onlySubresources = [
  ["/stats", "stats"],
  ["/metrics", "metrics"],
  ["/logs", "log"],
  ["/checkpoint", "checkpoint"],
  ["/statusz", "statusz"],
  ["/flagz", "configz"],
] as const;

/**
 * What must be allowed for a request: the kubelet's mapping with `KubeletFineGrainedAuthz`
 * (kubernetes/pkg/kubelet/server/auth.go).
 */
export function nodeAccess(method: string, path: string): NodeAccess {
  const verb = verbs[method] ?? "";
  const fine = fineSubresources.find(([root]) => isSubpath(path, root))?.[1];
  const last = onlySubresources.find(([root]) => isSubpath(path, root))?.[1] ??
    "proxy";
  return {
    verb,
    subresources: fine === undefined ? [last] : [fine, last],
  };
}

function isSubpath(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}

import { messageOf } from "../async/message_of.ts";
import type { AbortOptions } from "../async/abort.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import type { TaskGroup } from "../async/task_group.ts";
import type { KubeClient } from "../k8s/client.ts";
import { apiPath } from "../k8s/paths.ts";
import { objectName, type Pod } from "../k8s/types.ts";
import type { ServiceAccountToken, TokenOptions } from "./objects.ts";
import { podIdentity } from "./pod_spec.ts";

const log = getLogger("objects");

/** The kubelet's: https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/token/token_manager.go */
const renewal = { share: 0.8, atMost: 24 * 3600_000, spread: 10_000 };
/** How long after a failed renewal the pod is told again. */
const retryAfter = 60_000;
/** What the API server gives when a request says nothing. */
const defaultSeconds = 3600;

/** The parts of a TokenRequest of `authentication.k8s.io/v1` that matter here. */
interface TokenAnswer {
  readonly spec: { readonly expirationSeconds?: number };
  readonly status: {
    readonly token: string;
    readonly expirationTimestamp: string;
  };
}

interface CachedToken extends ServiceAccountToken {
  readonly renewAt: Date;
}

/** What is known for one pod; gone when the pod is released. */
interface PodTokens {
  readonly tokens: Map<string, CachedToken>;
  /** Ends the wait for each token's renewal. */
  readonly waits: Map<string, AbortController>;
}

/** Options of a {@linkcode TokenCache}. */
export interface TokenCacheOptions {
  /** Where waiting for renewals happens. */
  readonly tasks: TaskGroup;
  /** Called with the UID of a pod one of whose tokens is due. */
  readonly onDue: (podUid: string) => void;
  /** {@linkcode renewalDelay} unless said. */
  readonly renewAfter?: (expirationSeconds: number) => number;
}

/**
 * Milliseconds after which a token that lives so many seconds is renewed: 80 % of its life, at
 * most a day, and up to ten seconds less so that not all tokens are renewed at once.
 *
 * Counted from when the token came: clocks that differ do no harm.
 */
export function renewalDelay(
  expirationSeconds: number,
  random: () => number = Math.random,
): number {
  const due = Math.min(
    renewal.share * expirationSeconds * 1000,
    renewal.atMost,
  );
  return Math.max(0, due - random() * renewal.spread);
}

/** Tokens of service accounts, bound to pods, asked for once and again when they are due. */
export class TokenCache {
  readonly #client: KubeClient;
  readonly #options: TokenCacheOptions;
  readonly #pods = new Map<string, PodTokens>();

  constructor(client: KubeClient, options: TokenCacheOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** The pod's token for an audience; an old one that is still valid where no new one can be had. */
  async get(
    pod: Pod,
    wanted: TokenOptions,
    { signal }: AbortOptions,
  ): Promise<ServiceAccountToken> {
    const { uid } = podIdentity(pod);
    const key = JSON.stringify([wanted.audience, wanted.expirationSeconds]);
    const known = this.#tokensOf(uid);
    const cached = known.tokens.get(key);
    if (cached && new Date() < cached.renewAt) return cached;
    try {
      const fresh = await this.#request(pod, wanted, { signal });
      known.tokens.set(key, fresh);
      this.#wait(uid, key, fresh.renewAt.getTime() - Date.now());
      return fresh;
    } catch (error) {
      signal.throwIfAborted();
      if (cached && new Date() < cached.expiresAt) {
        log.warn("Cannot renew a token; the old one is still valid", {
          pod: objectName(pod),
          error,
        });
        this.#wait(uid, key, retryAfter);
        return cached;
      }
      const why = messageOf(error);
      throw new Error(`failed to fetch token: ${why}`, { cause: error });
    }
  }

  /** Forgets the tokens of a pod. */
  release(podUid: string): void {
    const known = this.#pods.get(podUid);
    for (const wait of known?.waits.values() ?? []) wait.abort();
    this.#pods.delete(podUid);
  }

  #tokensOf(podUid: string): PodTokens {
    const known = this.#pods.get(podUid) ??
      { tokens: new Map(), waits: new Map() };
    this.#pods.set(podUid, known);
    return known;
  }

  async #request(
    pod: Pod,
    { audience, expirationSeconds = defaultSeconds }: TokenOptions,
    { signal }: AbortOptions,
  ): Promise<CachedToken> {
    const { uid, name, namespace } = podIdentity(pod);
    const account = pod.spec?.serviceAccountName ?? "default";
    const path = apiPath("v1", "serviceaccounts", {
      namespace,
      name: account,
      subresource: "token",
    });
    const askedAt = Date.now();
    const { spec, status } = await this.#client.create<TokenAnswer>(path, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: {
        audiences: audience === undefined ? [] : [audience],
        expirationSeconds,
        boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid },
      },
    }, { signal });
    const { renewAfter = renewalDelay } = this.#options;
    const seconds = spec.expirationSeconds ?? expirationSeconds;
    return {
      token: status.token,
      expiresAt: new Date(status.expirationTimestamp),
      renewAt: new Date(askedAt + renewAfter(seconds)),
    };
  }

  /** Tells of the pod after so many milliseconds, unless it is released or told otherwise before. */
  #wait(podUid: string, key: string, ms: number): void {
    const waits = this.#pods.get(podUid)?.waits;
    if (!waits) return;
    const stop = new AbortController();
    waits.get(key)?.abort();
    waits.set(key, stop);
    this.#options.tasks.spawn(async (signal) => {
      const ended = AbortSignal.any([signal, stop.signal]);
      try {
        await delay(ms, { signal: ended });
      } catch (error) {
        if (ended.aborted) return;
        throw error;
      }
      this.#options.onDue(podUid);
    });
  }
}

import { join } from "node:path";
import type { AbortOptions } from "../async/abort.ts";
import { type Backoff, backoffDelay, jitter } from "../async/backoff.ts";
import { delay } from "../async/delay.ts";
import { delayUntil } from "../async/delay_until.ts";
import { getLogger } from "../async/log.ts";
import { messageOf } from "../async/message_of.ts";
import { TaskGroup } from "../async/task_group.ts";
import { ApiError } from "../k8s/errors.ts";
import type {
  AdoptCertificate,
  CertificateSource,
} from "./certificate_source.ts";
import type { KubeApi } from "./context.ts";
import {
  type KeptKeyPair,
  keyPairValidity,
  readKeptPair,
  renewalTime,
  writeKeptPair,
} from "./kept_key_pair.ts";
import { type OpenRequest, PendingRequest } from "./pending_request.ts";
import {
  selfSignedServingCertificate,
  servingNames,
} from "./serving_certificate.ts";
import type { CertificateNames } from "./self_signed.ts";
import type { Asking } from "./serving_condition.ts";
import { ServingStatus } from "./serving_status.ts";
import { signingState } from "./signing_request.ts";
import type { KeyPair } from "./tls_stream.ts";

/** Options of {@linkcode RequestedCertificate}. */
export interface RequestedCertificateOptions {
  /** Keeps keys and certificates, readable by the owner only. */
  readonly stateDirectory: string;
  readonly nodeName: string;
  /** IP addresses and DNS names under which the node is reached. */
  readonly addresses: readonly string[];
  /** Undefined: nobody is asked, and the certificate stays self-signed. */
  readonly api?: KubeApi;
  readonly timing?: Partial<RequestTiming>;
}

/** How long {@linkcode RequestedCertificate} waits. */
export interface RequestTiming {
  /** Between two looks at a request. */
  readonly poll: Backoff;
  /** After a failure to ask at all. */
  readonly error: Backoff;
  /** After somebody refused. */
  readonly refused: Backoff;
}

const defaultTiming: RequestTiming = {
  poll: { base: 1000, cap: 15_000 },
  error: { base: 2000, cap: 5 * 60_000 },
  refused: { base: 60_000, cap: 60 * 60_000 },
};

/** How often a self-signed certificate is looked at. */
const fallbackMs = 60 * 60_000;
/** Longer than any answer: the cluster itself drops requests after a day. */
const patienceMs = 25 * 60 * 60_000;

const log = getLogger("kubelet");

/**
 * A certificate that the cluster's signer `kubernetes.io/kubelet-serving` has signed, kept over
 * restarts and renewed at 70 to 90 % of its life, as the kubelet does; self-signed while there is
 * none.
 *
 * The signer takes requests of everybody who may create them; who approves them decides.
 */
export class RequestedCertificate implements CertificateSource {
  readonly #options: RequestedCertificateOptions;
  readonly #timing: RequestTiming;
  readonly #pending: PendingRequest;
  readonly status: ServingStatus;
  #served: KeyPair;
  /** When the next certificate is to be asked for. */
  #renewAt: Date;

  private constructor(
    options: RequestedCertificateOptions,
    served: KeyPair,
    signed: KeptKeyPair | undefined,
  ) {
    const { api, stateDirectory, timing } = options;
    this.#options = options;
    this.#timing = { ...defaultTiming, ...timing };
    this.#pending = new PendingRequest(stateDirectory);
    this.#served = served;
    this.#renewAt = signed === undefined ? new Date(0) : renewalTime(signed);
    this.status = new ServingStatus(
      signed === undefined
        ? { kind: "selfSigned" }
        : { kind: "signed", notAfter: signed.notAfter },
      { kind: api === undefined ? "off" : "idle" },
    );
  }

  /** Takes the signed certificate of the state directory while it is good, else a self-signed one. */
  static async open(
    options: RequestedCertificateOptions,
  ): Promise<RequestedCertificate> {
    const { api, nodeName, addresses } = options;
    const names = JSON.stringify(servingNames(nodeName, addresses));
    const kept = await readKeptPair(signedFile(options));
    const now = new Date();
    const signed = api !== undefined && kept?.names === names &&
        kept.notBefore <= now && now < kept.notAfter
      ? kept
      : undefined;
    const served = signed?.pair ?? await selfSignedServingCertificate(options);
    return new RequestedCertificate(options, served, signed);
  }

  get initial(): KeyPair {
    return this.#served;
  }

  async run(
    adopt: AdoptCertificate,
    { signal }: AbortOptions,
  ): Promise<void> {
    const { api } = this.#options;
    await using group = new TaskGroup(signal);
    if (api !== undefined) {
      group.spawn((signal) => this.#keepSigned(api, adopt, { signal }));
    }
    group.spawn((signal) => this.#keepFallback(adopt, { signal }));
    await group.join();
  }

  async #keepSigned(
    api: KubeApi,
    adopt: AdoptCertificate,
    { signal }: AbortOptions,
  ): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      await delayUntil(this.#renewAt, { signal });
      const outcome = await this.#renew(api, adopt, { signal });
      signal.throwIfAborted();
      this.status.update({ asking: outcome });
      failures = outcome.kind === "idle" ? 0 : failures + 1;
      const { refused, error } = this.#timing;
      const wait = outcome.kind === "denied" || outcome.kind === "failed"
        ? refused
        : error;
      await delay(jitter(backoffDelay(failures, wait)), { signal });
    }
  }

  /** Asks for a certificate and serves it; else says why there is none. */
  async #renew(
    api: KubeApi,
    adopt: AdoptCertificate,
    { signal }: AbortOptions,
  ): Promise<Asking> {
    try {
      const { nodeName, addresses } = this.#options;
      const names = servingNames(nodeName, addresses);
      const asked = { nodeName, names, signal };
      const request = await this.#pending.open(api, asked);
      const outcome = await this.#follow(api, request, {
        names,
        adopt,
        signal,
      });
      // Whatever became of it: it is over.
      await this.#pending.forget();
      return outcome;
    } catch (error) {
      const why = messageOf(error);
      return error instanceof ApiError && error.code === 403
        ? { kind: "forbidden", why }
        : { kind: "unavailable", why };
    }
  }

  /** Waits until somebody has decided, and serves what was issued. */
  async #follow(
    api: KubeApi,
    request: OpenRequest,
    { names, adopt, signal }: AbortOptions & {
      readonly names: CertificateNames;
      readonly adopt: AdoptCertificate;
    },
  ): Promise<Asking> {
    const { name, privateKey } = request;
    for (let looks = 1;; looks++) {
      const state = await signingState(api, request, { signal });
      switch (state.kind) {
        case "issued": {
          const pair = { certificate: state.certificate, privateKey };
          return await this.#serve(pair, JSON.stringify(names), adopt)
            .catch((error: unknown) => {
              signal.throwIfAborted();
              return { kind: "failed", name, why: messageOf(error) };
            });
        }
        case "denied":
        case "failed":
          return { ...state, name };
        case "gone":
          return { kind: "unavailable", why: `Somebody deleted "${name}"` };
        case "pending":
        case "approved":
          if (Date.now() - state.createdAt.getTime() > patienceMs) {
            return { kind: "failed", name, why: "nobody has answered" };
          }
          this.status.update({ asking: { kind: state.kind, name } });
      }
      await delay(jitter(backoffDelay(looks, this.#timing.poll)), { signal });
    }
  }

  async #serve(
    pair: KeyPair,
    names: string,
    adopt: AdoptCertificate,
  ): Promise<Asking> {
    const validity = keyPairValidity(pair);
    const now = new Date();
    if (validity.notAfter <= now) throw new Error("it has expired already");
    await adopt(pair);
    this.#served = pair;
    this.#renewAt = renewalTime(validity);
    const kept = { names, ...validity, pair };
    await writeKeptPair(signedFile(this.#options), kept)
      .catch((error: unknown) => {
        log.warn("Cannot keep the signed certificate", { error });
      });
    const { notAfter } = validity;
    const idle = { kind: "idle" } as const;
    this.status.update({ served: { kind: "signed", notAfter }, asking: idle });
    return idle;
  }

  /** Renews a self-signed certificate, and falls back to one when the signed one has expired. */
  async #keepFallback(
    adopt: AdoptCertificate,
    { signal }: AbortOptions,
  ): Promise<void> {
    for (;;) {
      const { served } = this.status;
      const next = new Date(Date.now() + fallbackMs);
      const expiry = served.kind === "signed" ? served.notAfter : next;
      await delayUntil(expiry < next ? expiry : next, { signal });
      if (this.#signedIsGood()) continue;
      try {
        const pair = await selfSignedServingCertificate(this.#options);
        if (this.#signedIsGood()) continue;
        if (pair.certificate !== this.#served.certificate) await adopt(pair);
        this.#served = pair;
        this.status.update({ served: { kind: "selfSigned" } });
      } catch (error) {
        signal.throwIfAborted();
        log.warn("Cannot renew the self-signed certificate", { error });
        await delay(this.#timing.error.cap, { signal });
      }
    }
  }

  #signedIsGood(): boolean {
    const { served } = this.status;
    return served.kind === "signed" && new Date() < served.notAfter;
  }
}

function signedFile({ stateDirectory }: RequestedCertificateOptions): string {
  return join(stateDirectory, "kubelet-serving-signed.pem");
}

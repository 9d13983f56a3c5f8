import type { AbortOptions } from "../async/abort.ts";
import { backoffDelay, jitter } from "../async/backoff.ts";
import { Deadline } from "../async/deadline.ts";
import { delay } from "../async/delay.ts";
import { getLogger } from "../async/log.ts";
import { type ClientCaSource, readClientCa } from "./client_ca.ts";
import type { KubeApi } from "./context.ts";
import { selfCheck } from "./self_check.ts";
import type { KeyPair, TlsIdentity } from "./tls_stream.ts";

/** Options of {@linkcode FreshIdentity}. */
export interface FreshIdentityOptions {
  /** What is served at first. */
  readonly serving: KeyPair;
  /** Undefined: clients are not asked for certificates. */
  readonly clientCa: ClientCaSource | undefined;
  /** Needed for the CA of the cluster. */
  readonly client: KubeApi | undefined;
  /** A client certificate that the client CA has not signed. */
  readonly foreign: KeyPair;
  /** Tests an identity before it is used; {@linkcode selfCheck} by default. */
  readonly check?: typeof selfCheck;
}

/** How often a client CA is read again, and how soon one that could not be read. */
const refreshMs = 5 * 60_000;
const retry = { base: 1000, cap: refreshMs };
/** How long a start waits for the API server. */
const startTimeoutMs = 5000;

const log = getLogger("kubelet");

/** The serving certificate and the client CA of the day, tested together before each use. */
export class FreshIdentity {
  readonly #options: FreshIdentityOptions;
  #current: TlsIdentity;
  /** Changes come one after the other, so that each is tested with what the last one left. */
  #changed: Promise<void> = Promise.resolve();

  private constructor(options: FreshIdentityOptions) {
    this.#options = options;
    this.#current = { serving: options.serving, clientCa: undefined };
  }

  /**
   * Reads the CA and tests it with the serving certificate. Rejects if the test fails, or if a
   * file cannot be read; a cluster that cannot be asked yet is asked again by `keepFresh`.
   */
  static async load(
    options: FreshIdentityOptions,
    { signal }: AbortOptions,
  ): Promise<FreshIdentity> {
    const identity = new FreshIdentity(options);
    await identity.#test(identity.#current, { signal });
    const { clientCa } = options;
    if (clientCa === undefined) return identity;
    using deadline = new Deadline(startTimeoutMs, { signal });
    const read = await readClientCa(clientCa, options.client, deadline).catch(
      (error: unknown) => {
        signal.throwIfAborted();
        if (clientCa.kind === "file") throw error;
        log.warn("Cannot read the cluster's client CA yet", { error });
        return undefined;
      },
    );
    if (read !== undefined) await identity.#adoptCa(read, { signal });
    return identity;
  }

  /** What the next client is to be met with. */
  get current(): TlsIdentity {
    return this.#current;
  }

  /** Serves `serving` to every client from the next one on; rejects if it fails the test. */
  async serve(serving: KeyPair, { signal }: AbortOptions): Promise<void> {
    await this.#change({ serving }, { signal });
  }

  /** Follows changes of the CA until aborted. */
  async keepFresh({ signal }: AbortOptions): Promise<void> {
    const { clientCa, client } = this.#options;
    if (clientCa === undefined) return;
    let failures = this.#current.clientCa === undefined ? 1 : 0;
    while (!signal.aborted) {
      const wait = failures === 0 ? refreshMs : backoffDelay(failures, retry);
      await delay(jitter(wait), { signal }).catch(() => undefined); // aborted
      if (signal.aborted) return;
      try {
        const read = await readClientCa(clientCa, client, { signal });
        await this.#adoptCa(read, { signal });
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        log.warn("Cannot renew the client CA; the last one stays", { error });
      }
    }
  }

  async #adoptCa(clientCa: string, options: AbortOptions): Promise<void> {
    if (clientCa === this.#current.clientCa) return;
    await this.#change({ clientCa }, options);
    log.info("Clients may show certificates of the client CA");
  }

  #change(
    part: Partial<TlsIdentity>,
    options: AbortOptions,
  ): Promise<void> {
    const changed = this.#changed.then(async () => {
      const next = { ...this.#current, ...part };
      await this.#test(next, options);
      this.#current = next;
    });
    this.#changed = changed.catch(() => undefined); // its caller is told
    return changed;
  }

  async #test(identity: TlsIdentity, { signal }: AbortOptions): Promise<void> {
    const { foreign, check = selfCheck } = this.#options;
    await check(identity, { foreign, signal });
  }
}

import type { AbortOptions } from "../async/abort.ts";
import type { ServingStatus } from "./serving_status.ts";
import type { KeyPair } from "./tls_stream.ts";

/** Where the kubelet API's certificates come from, one after the other. */
export interface CertificateSource {
  /** What to serve at the start. */
  readonly initial: KeyPair;
  /** What to tell the cluster about what is served. */
  readonly status: ServingStatus;
  /** Hands every later certificate to `adopt`, until aborted. */
  run(adopt: AdoptCertificate, options: AbortOptions): Promise<void>;
}

/** Serves a certificate from now on; rejects if it cannot be used, and the last one stays. */
export type AdoptCertificate = (pair: KeyPair) => Promise<void>;

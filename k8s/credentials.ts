import type { AbortOptions } from "../async/abort.ts";

/** A certificate and its private key, as PEM. */
export interface ClientCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** How to reach the API server, and how to prove who we are. */
export interface ApiCredentials {
  /** URL without a slash at its end: `https://10.0.0.1:6443`. */
  readonly server: string;
  /** Authorities to trust besides the system's, as PEM. */
  readonly caCertificates: readonly string[];
  /** Absent when a token is all we have. */
  readonly clientCertificate?: ClientCertificate;
  /** URL of the HTTP or SOCKS proxy in between. */
  readonly proxyUrl?: string;
  /** The namespace to use when none is named; `default` by default. */
  readonly namespace: string;
  /** The context's name in the kubeconfig; absent in a cluster. */
  readonly context?: string;

  /** Adds what proves who we are, from a cache while it is valid. */
  authorize(
    headers: Headers,
    options: AbortOptions & {
      /** Asks for new proof, because the server has refused the last one. */
      readonly fresh?: boolean;
    },
  ): Promise<void>;

  /** Says where all this comes from, for error messages. */
  describe(): string;
}

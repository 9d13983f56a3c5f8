/** A private key that a user may show. */
export interface Identity {
  /** Where it comes from, for messages: a path. */
  readonly source: string;
  /**
   * The key in a form that ssh2 reads, decrypted. Rejects with a `ConfigError` that names the
   * source when it cannot be read or its passphrase is not known or wrong.
   */
  privateKey(): Promise<string>;
}

/** What is known of a host key that a host showed. */
export type KeyVerdict =
  | { readonly kind: "trusted" }
  /** No key of this host is known. `fingerprint` as `ssh-keygen -l` prints it: `SHA256:…`. */
  | { readonly kind: "unknown"; readonly fingerprint: string }
  /** Another key is known, or this one was revoked; the message names the file, line and remedy. */
  | { readonly kind: "mismatch" | "revoked"; readonly message: string };

/** Says which host keys are trusted. */
export interface HostKeyVerifier {
  /** The known_hosts file that takes the keys that a person trusts from now on, if there is one. */
  readonly file?: string | undefined;
  /** The key types known of the host, to be asked for first: it must not show another by chance. */
  algorithms(host: string, port: number): readonly string[];
  /** `key` in the wire format of RFC 4253, section 6.6. */
  verify(host: string, port: number, key: Uint8Array): KeyVerdict;
}

/** How a host is reached and who asks. */
export interface SshTarget {
  /** A name or an address. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Tried in this order, after the keys of the agent. */
  readonly identities: readonly Identity[];
  /** The path of an agent's socket. */
  readonly agentSocket?: string;
  /** Asked for once a connection, and only if the server takes passwords and no key was taken. */
  readonly password?: () => Promise<string | undefined>;
  readonly knownHosts: HostKeyVerifier;
  /** The host through which this one is reached. */
  readonly jump?: SshTarget;
}

/** The target behind the hosts on the way to it, the first one first. */
export function hopsOf(target: SshTarget): readonly SshTarget[] {
  return [...(target.jump === undefined ? [] : hopsOf(target.jump)), target];
}

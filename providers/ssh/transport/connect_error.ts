import type { SshTarget } from "./target.ts";

/** Why there is no connection, as conditions and events show it. */
export type ConnectFailure =
  | "ConnectionRefused"
  | "ConnectionTimedOut"
  | "ConnectionLost"
  | "HostNotFound"
  | "HostUnreachable"
  | "HandshakeFailed"
  | "AuthenticationFailed"
  | "HostKeyUnknown"
  | "HostKeyMismatch"
  | "HostKeyRevoked";

/** A connection could not be made. The message names the host, why, and a remedy. */
export class ConnectError extends Error {
  override readonly name = "ConnectError";
  readonly reason: ConnectFailure;

  constructor(
    reason: ConnectFailure,
    target: SshTarget,
    why: string,
    options?: ErrorOptions,
  ) {
    super(`Cannot connect to ${targetName(target)}: ${why}`, options);
    this.reason = reason;
  }

  /** Whether only a person can mend it: trying again soon would look like an attack. */
  get lasting(): boolean {
    return lasting.has(this.reason);
  }
}

const lasting: ReadonlySet<ConnectFailure> = new Set([
  "AuthenticationFailed",
  "HostKeyUnknown",
  "HostKeyMismatch",
  "HostKeyRevoked",
]);

/** A target for people: `root@10.0.0.7`, with the port where it is not 22. */
export function targetName({ user, host, port }: SshTarget): string {
  if (port === 22) return `${user}@${host}`;
  return `${user}@${host.includes(":") ? `[${host}]` : host}:${port}`;
}

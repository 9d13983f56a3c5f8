import type { AbortOptions } from "../../async/abort.ts";
import { failure, type Finding, ok } from "./doctor_finding.ts";
import { ConnectError, targetName } from "./transport/connect_error.ts";
import { SshConnection } from "./transport/connection.ts";
import type { DialLimit } from "./transport/dial_limit.ts";
import { keyFingerprint, keyType } from "./transport/known_hosts.ts";
import { openSocket } from "./transport/socket.ts";
import { hopsOf, type SshTarget } from "./transport/target.ts";

/** Reaches a host, checks its key and logs in; the connection, if there is one, is the caller's. */
export async function* findConnection(
  target: SshTarget,
  options: AbortOptions & { readonly dialLimit: DialLimit },
): AsyncGenerator<Finding, SshConnection | undefined> {
  const { signal } = options;
  const [first = target, ...others] = hopsOf(target);
  const address = `${addressOf(first)}${
    first === target ? "" : " (jump host)"
  }`;
  try {
    const start = performance.now();
    (await openSocket(first, { signal })).destroy();
    const took = Math.round(performance.now() - start);
    yield ok("address", `${address} answers within ${Math.max(1, took)} ms`);
  } catch (error) {
    signal.throwIfAborted();
    yield failure("address", error);
    return undefined;
  }
  const records: string[] = [];
  const logins: string[] = [];
  const watched = watch(target, records, logins);
  const keys = () =>
    ok("host key", records.map((record) => `${record} is known`).join("; "));
  try {
    const connection = await SshConnection.open(watched, options);
    for (const hop of others.slice(0, -1)) {
      yield ok("jump host", `goes on through ${targetName(hop)}`);
    }
    yield keys();
    const by = logins.at(-1) ??
      (target.agentSocket === undefined ? "no proof" : "a key of the agent");
    yield ok("login", `"${target.user}" is let in with ${by}`);
    return connection;
  } catch (error) {
    signal.throwIfAborted();
    yield* connectFailure(error, keys);
    return undefined;
  }
}

/** Which check a failure to connect belongs to. */
function* connectFailure(
  error: unknown,
  keys: () => Finding,
): Generator<Finding> {
  const reason = error instanceof ConnectError ? error.reason : undefined;
  switch (reason) {
    case "HostKeyUnknown":
    case "HostKeyMismatch":
    case "HostKeyRevoked":
      yield failure("host key", error);
      return;
    case "AuthenticationFailed":
      yield keys();
      yield failure("login", error);
      return;
    case "HostNotFound":
    case "HostUnreachable":
    case "ConnectionRefused":
      yield failure("address", error);
      return;
    case "ConnectionTimedOut":
    case "ConnectionLost":
    case "HandshakeFailed":
    case undefined:
      yield failure("handshake", error);
  }
}

/** The target, which tells what keys its hosts show and what it proves itself with. */
function watch(
  target: SshTarget,
  records: string[],
  logins: string[],
): SshTarget {
  const { jump, password, knownHosts } = target;
  return {
    ...target,
    knownHosts: {
      algorithms: (host, port) => knownHosts.algorithms(host, port),
      verify(host, port, key) {
        const verdict = knownHosts.verify(host, port, key);
        if (verdict.kind === "trusted") {
          const at = jump === undefined && records.length === 0
            ? ""
            : ` of ${host}`;
          records.push(`${keyType(key)}${at} ${keyFingerprint(key)}`);
        }
        return verdict;
      },
    },
    identities: target.identities.map((identity) => ({
      source: identity.source,
      privateKey() {
        logins.push(`the key "${identity.source}"`);
        return identity.privateKey();
      },
    })),
    ...(password === undefined ? {} : {
      password() {
        logins.push("a password");
        return password();
      },
    }),
    ...(jump === undefined ? {} : { jump: watch(jump, records, logins) }),
  };
}

function addressOf({ host, port }: SshTarget): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

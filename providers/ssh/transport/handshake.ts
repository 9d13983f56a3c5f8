import type { Duplex } from "node:stream";
import type { AbortOptions } from "../../../async/abort.ts";
import { Deadline } from "../../../async/deadline.ts";
import { messageOf } from "../../../async/message_of.ts";
import { hostKeyTypes } from "./algorithms.ts";
import { Authentication } from "./authentication.ts";
import { ConnectError } from "./connect_error.ts";
import { SshClient } from "./ssh_client.ts";
import type { KeyVerdict, SshTarget } from "./target.ts";

/** Without an answer of a person; sshd itself gives up after 120 s (`LoginGraceTime`). */
const handshakeTimeout = 15_000;
const answerTimeout = 120_000;

/** Verifies the host's key and says who asks. Rejects with a {@linkcode ConnectError}. */
export async function shakeHands(
  socket: Duplex,
  target: SshTarget,
  { signal }: AbortOptions,
): Promise<SshClient> {
  const { host, port, user, knownHosts } = target;
  const authentication = new Authentication(target);
  let verdict: KeyVerdict | undefined;
  let exhausted = false;
  using deadline = new Deadline(handshakeTimeout, { signal });
  try {
    return await SshClient.open(socket, {
      user,
      hostKeyTypes: preferredKeyTypes(knownHosts.algorithms(host, port)),
      verifyHostKey(key) {
        verdict = knownHosts.verify(host, port, key);
        return verdict.kind === "trusted";
      },
      async authenticate(accepted) {
        deadline.extend(answerTimeout);
        const method = await authentication.next(accepted);
        deadline.extend(handshakeTimeout);
        exhausted = method === undefined;
        return method;
      },
    }, deadline.signal);
  } catch (error) {
    signal.throwIfAborted();
    const options = { cause: error };
    if (verdict !== undefined && verdict.kind !== "trusted") {
      throw hostKeyError(target, verdict, options);
    }
    if (exhausted || /authentication failures/i.test(messageOf(error))) {
      const why = authentication.failure(error);
      throw new ConnectError("AuthenticationFailed", target, why, options);
    }
    if (deadline.expired) {
      const why =
        "the SSH server does not answer; is the host overloaded, or another service on that port?";
      throw new ConnectError("ConnectionTimedOut", target, why, options);
    }
    const why = `${messageOf(error)}; the log of sshd on the host says more`;
    throw new ConnectError("HandshakeFailed", target, why, options);
  }
}

/** All types that can be verified, the known ones first: a host must not show another by chance. */
function preferredKeyTypes(known: readonly string[]): readonly string[] {
  const signatures = new Set(
    known.flatMap((type) =>
      type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type]
    ),
  );
  return [
    ...hostKeyTypes.filter((type) => signatures.has(type)),
    ...hostKeyTypes.filter((type) => !signatures.has(type)),
  ];
}

function hostKeyError(
  target: SshTarget,
  verdict: Exclude<KeyVerdict, { readonly kind: "trusted" }>,
  options: ErrorOptions,
): ConnectError {
  switch (verdict.kind) {
    case "unknown": {
      const why = `its host key ${verdict.fingerprint} is not known; ` +
        "compare it with what `ssh-keygen -lf` says of /etc/ssh/ssh_host_*_key.pub there, " +
        `then add the line of \`ssh-keyscan -p ${target.port} ${target.host}\` to known_hosts, or run "farlet join" on a terminal, which asks`;
      return new ConnectError("HostKeyUnknown", target, why, options);
    }
    case "mismatch":
      return new ConnectError(
        "HostKeyMismatch",
        target,
        verdict.message,
        options,
      );
    case "revoked":
      return new ConnectError(
        "HostKeyRevoked",
        target,
        verdict.message,
        options,
      );
  }
}

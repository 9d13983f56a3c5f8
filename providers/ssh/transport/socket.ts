import { Socket } from "node:net";
import { once } from "node:events";
import { Deadline } from "../../../async/deadline.ts";
import { messageOf } from "../../../async/message_of.ts";
import type { AbortOptions } from "../../../async/abort.ts";
import { ConnectError } from "./connect_error.ts";
import type { SshTarget } from "./target.ts";

const connectTimeout = 8_000;

/** Connects to the port of a host's sshd. Rejects with a {@linkcode ConnectError}. */
export async function openSocket(
  target: SshTarget,
  { signal }: AbortOptions,
): Promise<Socket> {
  const { host, port } = target;
  signal.throwIfAborted();
  using deadline = new Deadline(connectTimeout, { signal });
  const socket = new Socket();
  // Deno 2.6 reads twice at once, and mixes what comes, after a pause during a read: ssh2's first
  // act is to pause. So it does not read before ssh2 wants it.
  socket.pause();
  socket.connect({ host, port });
  // One that comes while nobody listens, after an abort or before the handshake, is seen in the end.
  socket.on("error", () => undefined);
  try {
    await once(socket, "connect", { signal: deadline.signal });
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw socketError(target, deadline.expired ? undefined : error);
  }
  // ssh2 writes many small packets: with Nagle's algorithm each waits 40 ms for the last one's ACK.
  socket.setNoDelay(true);
  return socket;
}

/** @param cause Undefined when nobody answered in time. */
function socketError(target: SshTarget, cause: unknown): ConnectError {
  const { host, port } = target;
  const code = cause instanceof Error && "code" in cause
    ? cause.code
    : undefined;
  const options = { cause };
  if (cause === undefined || code === "ETIMEDOUT") {
    const why = `no answer from ${host} within ${connectTimeout / 1000} s; ` +
      `is the host up, and does a firewall drop port ${port}?`;
    return new ConnectError("ConnectionTimedOut", target, why, options);
  }
  switch (code) {
    case "ECONNREFUSED": {
      const why =
        `nothing listens on port ${port}; does sshd run there, and is it the right port?`;
      return new ConnectError("ConnectionRefused", target, why, options);
    }
    case "ENOTFOUND":
    case "EAI_AGAIN": {
      const why =
        `the name "${host}" cannot be resolved; check it, or give the address`;
      return new ConnectError("HostNotFound", target, why, options);
    }
    default: {
      const why = `${messageOf(cause)}; is there a route to ${host}?`;
      return new ConnectError("HostUnreachable", target, why, options);
    }
  }
}

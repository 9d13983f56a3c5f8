import type { AbortOptions } from "../../../async/abort.ts";
import type { DuplexStream } from "../../../async/byte_stream.ts";
import { UnreachableError } from "../../errors.ts";
import type { RemoteAddress } from "../host.ts";
import { targetName } from "./connect_error.ts";
import type { ConnectionPool } from "./connection_pool.ts";
import { addressName } from "./dial_address.ts";
import type { RemoteListener } from "./remote_listener.ts";
import { runScript } from "./run_script.ts";

/** Lets a host listen, with the errors of `Host.listen`. */
export async function listenOn(
  connections: ConnectionPool,
  address: RemoteAddress,
  handle: (stream: DuplexStream) => Promise<void>,
  { signal }: AbortOptions,
): Promise<RemoteListener> {
  if (address.kind === "unix") {
    // What an earlier connection left; sshd keeps it (`StreamLocalBindUnlink no`).
    const script = '[ ! -S "$1" ] || rm -f -- "$1"';
    await runScript(connections, script, [address.path], { signal });
  }
  try {
    return await connections.main.listen(address, handle, { signal });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UnreachableError) throw error;
    if (error instanceof Deno.errors.AddrInUse) throw error;
    const what = `Cannot listen on ${addressName(address)} on ${
      targetName(connections.target)
    }`;
    // A server says no more than no.
    const why = address.kind === "unix"
      ? "its sshd forbids forwarding (AllowStreamLocalForwarding), or the directory is not writable"
      : "its sshd forbids forwarding (AllowTcpForwarding, PermitListen), or the port is taken";
    throw new Deno.errors.PermissionDenied(`${what}: ${why}`, { cause: error });
  }
}

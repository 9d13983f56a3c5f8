import type { AbortOptions } from "../../../async/abort.ts";
import type { DuplexStream } from "../../../async/byte_stream.ts";
import { messageOf } from "../../../async/message_of.ts";
import { UnreachableError } from "../../errors.ts";
import type { RemoteAddress } from "../host.ts";
import { targetName } from "./connect_error.ts";
import type { ConnectionPool } from "./connection_pool.ts";
import { runScript } from "./run_script.ts";
import { channelFailure } from "./ssh_client.ts";

/** Connects to an address as the host sees it, with the errors of `Host.dial`. */
export async function dialAddress(
  connections: ConnectionPool,
  address: RemoteAddress,
  { signal }: AbortOptions,
): Promise<DuplexStream> {
  try {
    return await connections.main.dial(address, { signal });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UnreachableError) throw error;
    const what = `Cannot connect to ${addressName(address)} on ${
      targetName(connections.target)
    }`;
    const options = { cause: error };
    if (channelFailure(error) === "prohibited") {
      throw new Deno.errors.PermissionDenied(
        `${what}: its sshd forbids forwarding (AllowTcpForwarding, PermitOpen)`,
        options,
      );
    }
    if (address.kind === "tcp") {
      const why = messageOf(error).replace(/^.*open failure: /, "");
      throw new Deno.errors.ConnectionRefused(`${what}: ${why}`, options);
    }
    const obstacle = await findObstacle(connections, address.path, { signal });
    switch (obstacle) {
      case "missing":
      case "silent":
        throw new Deno.errors.ConnectionRefused(
          `${what}: ${
            obstacle === "missing"
              ? "there is no such socket"
              : "nothing listens on that socket"
          }`,
          options,
        );
      case "forbidden":
        throw new Deno.errors.PermissionDenied(
          `${what}: "${connections.target.user}" may not use that socket`,
          options,
        );
      case "unforwarded":
        throw new Deno.errors.PermissionDenied(
          `${what}: its sshd forbids forwarding (AllowStreamLocalForwarding)`,
          options,
        );
    }
  }
}

/** An address for people. */
export function addressName(address: RemoteAddress): string {
  if (address.kind === "unix") return `"${address.path}"`;
  const { host, port } = address;
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

type Obstacle = "missing" | "forbidden" | "silent" | "unforwarded";

/**
 * Finds out why a socket cannot be connected to: OpenSSH says "open failed" whatever the reason.
 * Where Linux lists a listener on it (flag 10000), sshd did not try.
 */
async function findObstacle(
  connections: ConnectionPool,
  path: string,
  options: AbortOptions,
): Promise<Obstacle> {
  const { stdout } = await runScript(
    connections,
    obstacleScript,
    [path],
    options,
  );
  switch (stdout.trim()) {
    case "missing":
      return "missing";
    case "forbidden":
      return "forbidden";
    case "silent":
      return "silent";
    default:
      return "unforwarded";
  }
}

const obstacleScript = `
dir=$1
while dir=\${dir%/*}; [ -n "$dir" ] && [ ! -d "$dir" ]; do :; done
if [ -n "$dir" ] && [ ! -x "$dir" ]; then echo forbidden
elif [ ! -S "$1" ]; then echo missing
elif [ ! -w "$1" ]; then echo forbidden
else
  real=$(readlink -f "$1")
  while read -r _ _ _ flags _ _ _ path; do
    [ "$flags" = 00010000 ] || continue
    case $path in "$1" | "$real" | "/var$real") echo unforwarded; exit ;; esac
  done < /proc/net/unix
  echo silent
fi`;

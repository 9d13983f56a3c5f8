import { errno, errnoOf } from "./errno.ts";
import { GuestFailure } from "./guest_failure.ts";
import type { GuestListener } from "./guest_spec.ts";
import type { GuestSocket } from "./guest_sockets.ts";
import { formatHost } from "./ip_address.ts";
import type { LinuxSockets } from "./linux_sockets.ts";
import { optionOf } from "./socket_options.ts";
import { familyOf, type SocketAddress } from "./socket_address.ts";

/** A port of the container, at which one socket or several listen. */
export interface OpenPort {
  readonly port: number;
  readonly name: string | undefined;
  /** The pod's own one, and those of the node for a hostPort. */
  readonly addresses: readonly SocketAddress[];
  /** The sockets, one for each address. */
  readonly handles: readonly number[];
}

/**
 * Listens on the ports of a container, in their order. Throws a {@linkcode GuestFailure} where
 * that is not possible.
 */
export function openPorts(
  listeners: readonly GuestListener[],
  sockets: LinuxSockets,
): readonly OpenPort[] {
  const groups = Map.groupBy(listeners, portOf);
  return [...groups].map(([port, group]) => {
    const addresses = group
      .map(({ hostname, port }) => ({ ip: hostname, port }));
    return {
      port,
      name: group.find(({ name }) => name !== undefined)?.name,
      addresses,
      handles: addresses.map((address) => listen(address, sockets)),
    };
  });
}

/** What tells a guest of its listening sockets, as sd_listen_fds(3) does. */
export function listenVariables(
  ports: readonly OpenPort[],
): Readonly<Record<string, string>> {
  if (ports.length === 0) return {};
  const names = ports.map(({ name = "unknown" }) => name);
  return {
    LISTEN_FDS: `${ports.length}`,
    LISTEN_FDNAMES: names.join(":"),
  };
}

/** The socket of a port that a guest finds open at its start: it never waits, as guests expect. */
export function preopenedSocket({ addresses, handles }: OpenPort): GuestSocket {
  return {
    kind: "socket",
    handles,
    type: "stream",
    family: familyOf(addresses[0]?.ip ?? ""),
    preopened: true,
    state: "listening",
    nonBlocking: true,
    receiveTimeout: 0,
    sendTimeout: 0,
  };
}

function portOf({ containerPort, port }: GuestListener): number {
  return containerPort ?? port;
}

function listen(address: SocketAddress, sockets: LinuxSockets): number {
  try {
    const family = familyOf(address.ip);
    const handle = sockets.open(family, "stream");
    // Or else nobody could listen while old connections fade.
    sockets.setOption(handle, optionOf.reuseAddress, one);
    sockets.bind(handle, address, family);
    sockets.listen(handle, backlog);
    return handle;
  } catch (cause) {
    const place = `${formatHost(address.ip)}:${address.port}`;
    throw new GuestFailure(
      "StartError",
      `Cannot listen on ${place}: ${reasonOf(cause)}`,
      { cause },
    );
  }
}

function reasonOf(error: unknown): string {
  switch (errnoOf(error)) {
    case errno.addrinuse:
      return "the address is in use";
    case errno.addrnotavail:
      return "this machine does not have the address";
    case errno.acces:
      return "permission denied";
    default:
      return `${error instanceof Error ? error.message : error}`;
  }
}

/** Linux's own most, unless it is configured. */
const backlog = 4096;

const one = new Uint8Array([1, 0, 0, 0]);

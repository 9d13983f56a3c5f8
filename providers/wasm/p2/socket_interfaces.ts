import type { GuestNet } from "../guest_sockets.ts";
import type { NameResolver } from "../name_resolver.ts";
import { failWith } from "./guest_error.ts";
import { Pollable } from "./pollable.ts";
import { type IpAddress, toGuestIp } from "./socket_addresses.ts";
import {
  failSocket,
  type SocketErrorCode,
  socketErrorOf,
} from "./socket_errors.ts";
import { SocketNetwork } from "./socket_network.ts";
import type { IoError } from "./streams.ts";
import { TcpSocket } from "./tcp_socket.ts";
import {
  IncomingDatagramStream,
  OutgoingDatagramStream,
  UdpSocket,
} from "./udp_socket.ts";

/**
 * The interfaces of the package `wasi:sockets`.
 * @param net What the guest has of the network; nothing for undefined, and it is told so.
 */
export function socketInterfaces(net: GuestNet | undefined) {
  const network = net && new SocketNetwork(net);
  return {
    "wasi:sockets/network": {
      Network,
      networkErrorCode: ({ cause }: IoError) =>
        cause === undefined ? undefined : socketErrorOf(cause),
    },
    "wasi:sockets/instance-network": { instanceNetwork: () => new Network() },
    "wasi:sockets/ip-name-lookup": {
      ResolveAddressStream,
      resolveAddresses: (_network: Network, name: string) =>
        net === undefined
          ? failSocket("access-denied")
          : new ResolveAddressStream(name, net.names),
    },
    "wasi:sockets/tcp": { TcpSocket },
    "wasi:sockets/tcp-create-socket": {
      createTcpSocket: (family: "ipv4" | "ipv6") =>
        network === undefined
          ? failSocket("access-denied")
          : new TcpSocket(network, family),
    },
    "wasi:sockets/udp": {
      UdpSocket,
      IncomingDatagramStream,
      OutgoingDatagramStream,
    },
    "wasi:sockets/udp-create-socket": {
      createUdpSocket: (family: "ipv4" | "ipv6") =>
        network === undefined
          ? failSocket("access-denied")
          : new UdpSocket(network, family),
    },
  };
}

/** The resource `wasi:sockets/network.network`: which one it is, makes no difference. */
class Network {}

/** The resource `wasi:sockets/ip-name-lookup.resolve-address-stream`. */
class ResolveAddressStream implements Disposable {
  readonly #stop = new AbortController();
  readonly #settled: Promise<void>;
  #addresses: IpAddress[] | undefined;
  #failure: SocketErrorCode | undefined;

  constructor(name: string, names: NameResolver) {
    if (name === "" || /[\s/]/.test(name)) failSocket("invalid-argument");
    const { signal } = this.#stop;
    this.#settled = names.lookup(name, { signal }).then((found) => {
      this.#addresses = found.map(toGuestIp);
    }, (error) => {
      this.#failure = lookupCode(error);
      this.#addresses = [];
    });
  }

  resolveNextAddress(): IpAddress | undefined {
    if (this.#failure !== undefined) return failWith(this.#failure);
    if (this.#addresses === undefined) return failSocket("would-block");
    return this.#addresses.shift();
  }

  subscribe(): Pollable {
    return new Pollable(
      () => this.#addresses !== undefined,
      () => this.#settled,
    );
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }
}

function lookupCode(error: unknown): SocketErrorCode {
  if (error instanceof Deno.errors.PermissionDenied) return "access-denied";
  if (error instanceof Deno.errors.NotFound) return "name-unresolvable";
  return "temporary-resolver-failure";
}

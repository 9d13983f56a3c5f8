import type { GuestNet } from "../guest_sockets.ts";
import type { OpenPort } from "../open_ports.ts";
import type { SocketAddress } from "../socket_address.ts";
import { isUnspecified } from "./socket_addresses.ts";
import { SocketWaits } from "./socket_waits.ts";

/** What the sockets of a component have in common. */
export class SocketNetwork {
  readonly net: GuestNet;
  readonly waits: SocketWaits;
  readonly #taken = new Set<OpenPort>();

  constructor(net: GuestNet) {
    this.net = net;
    this.waits = new SocketWaits(net.sockets);
  }

  /** The port of the container that an address is of; undefined where it is none. */
  portAt({ ip, port }: SocketAddress): OpenPort | undefined {
    return this.net.ports.find((each) =>
      each.port === port && (isUnspecified(ip) ||
        each.addresses.some((address) => address.ip === ip))
    );
  }

  /** Takes a port for a socket; whether nobody had it. */
  take(port: OpenPort): boolean {
    if (this.#taken.has(port)) return false;
    this.#taken.add(port);
    return true;
  }

  giveBack(port: OpenPort): void {
    this.#taken.delete(port);
  }
}

import { errno, errnoOf } from "../errno.ts";
import { addressFamily, type SocketAddress } from "../socket_address.ts";
import { GuestError } from "./guest_error.ts";
import { Pollable } from "./pollable.ts";
import {
  fromGuestAddress,
  type IpSocketAddress,
  isMapped,
  isUnspecified,
  toGuestAddress,
} from "./socket_addresses.ts";
import { failSocket, onSocket, socketErrorOf } from "./socket_errors.ts";
import type { SocketNetwork } from "./socket_network.ts";
import { SocketSettings } from "./socket_settings.ts";
import { SharedSocket } from "./tcp_streams.ts";

/** A datagram that came in. */
interface IncomingDatagram {
  readonly data: Uint8Array;
  readonly remoteAddress: IpSocketAddress;
}

/** A datagram that a guest sends. */
interface OutgoingDatagram {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly remoteAddress: IpSocketAddress | undefined;
}

/** The resource `wasi:sockets/udp.udp-socket`: for answers of servers that the guest may reach. */
export class UdpSocket implements Disposable {
  readonly #network: SocketNetwork;
  readonly #family: "ipv4" | "ipv6";
  readonly #socket: SharedSocket;
  readonly #use: Disposable;
  readonly #settings: SocketSettings;
  #state: "new" | "bindStarted" | "bound" = "new";
  #remote: SocketAddress | undefined;
  #hasStreams: () => boolean = () => false;

  constructor(network: SocketNetwork, family: "ipv4" | "ipv6") {
    const { sockets } = network.net;
    const handle = onSocket(() =>
      sockets.open(linuxFamily(family), "datagram")
    );
    this.#network = network;
    this.#family = family;
    this.#socket = new SharedSocket(handle, network);
    this.#use = this.#socket.use();
    const isInet6 = family === "ipv6";
    this.#settings = new SocketSettings(sockets, () => [handle], isInet6);
  }

  /** Nobody can be served here: only a port that Linux chooses can be had. */
  startBind(_network: unknown, address: IpSocketAddress): void {
    if (address.tag !== this.#family) failSocket("invalid-argument");
    if (this.#state !== "new") failSocket("invalid-state");
    const local = fromGuestAddress(address);
    if (isMapped(local.ip)) failSocket("invalid-argument");
    if (local.port !== 0 || !isUnspecified(local.ip)) {
      failSocket("access-denied");
    }
    const { sockets } = this.#network.net;
    const { handle } = this.#socket;
    onSocket(() => sockets.bind(handle, local, linuxFamily(this.#family)));
    this.#state = "bindStarted";
  }

  finishBind(): void {
    if (this.#state !== "bindStarted") failSocket("not-in-progress");
    this.#state = "bound";
  }

  /** The streams before these must be gone. */
  stream(
    remote: IpSocketAddress | undefined,
  ): readonly [IncomingDatagramStream, OutgoingDatagramStream] {
    if (this.#state !== "bound" || this.#hasStreams()) {
      failSocket("invalid-state");
    }
    const peer = remote === undefined
      ? undefined
      : allowed(remote, this.#family, this.#network);
    this.#remote = peer;
    const incoming = new IncomingDatagramStream(this.#socket, peer);
    const outgoing = new OutgoingDatagramStream(
      this.#socket,
      this.#family,
      peer,
    );
    this.#hasStreams = () => incoming.isOpen || outgoing.isOpen;
    return [incoming, outgoing];
  }

  localAddress(): IpSocketAddress {
    if (this.#state !== "bound") failSocket("invalid-state");
    const { sockets } = this.#network.net;
    const local = onSocket(() => sockets.localAddress(this.#socket.handle));
    return local === undefined ? failSocket("unknown") : toGuestAddress(local);
  }

  remoteAddress(): IpSocketAddress {
    return this.#remote === undefined
      ? failSocket("invalid-state")
      : toGuestAddress(this.#remote);
  }

  addressFamily(): "ipv4" | "ipv6" {
    return this.#family;
  }

  unicastHopLimit(): number {
    return this.#settings.hopLimit;
  }

  setUnicastHopLimit(value: number): void {
    this.#settings.hopLimit = value;
  }

  receiveBufferSize(): bigint {
    return this.#settings.getBuffer("receiveBuffer");
  }

  setReceiveBufferSize(value: bigint): void {
    this.#settings.setBuffer("receiveBuffer", value);
  }

  sendBufferSize(): bigint {
    return this.#settings.getBuffer("sendBuffer");
  }

  setSendBufferSize(value: bigint): void {
    this.#settings.setBuffer("sendBuffer", value);
  }

  subscribe(): Pollable {
    return new Pollable();
  }

  [Symbol.dispose](): void {
    this.#use[Symbol.dispose]();
  }
}

/** The resource `wasi:sockets/udp.incoming-datagram-stream`. */
export class IncomingDatagramStream implements Disposable {
  readonly #socket: SharedSocket;
  readonly #use: Disposable;
  readonly #peer: SocketAddress | undefined;
  readonly #buffer = new Uint8Array(65536);
  isOpen = true;

  constructor(socket: SharedSocket, peer: SocketAddress | undefined) {
    this.#socket = socket;
    this.#use = socket.use();
    this.#peer = peer;
  }

  /** What nobody may send is as good as lost. */
  receive(maxResults: bigint): readonly IncomingDatagram[] {
    const { handle, network: { net } } = this.#socket;
    const found: IncomingDatagram[] = [];
    // Those of strangers count as well: a flood of them must not keep the guest here.
    const most = Math.min(Number(maxResults), mostDatagrams);
    for (let tries = 0; tries < most; tries++) {
      let received;
      try {
        const options = { peek: false, datagram: true };
        received = net.sockets.receive(handle, this.#buffer, options);
      } catch (error) {
        if (errnoOf(error) === errno.again || found.length > 0) break;
        return failSocket(socketErrorOf(error));
      }
      const { count, from } = received;
      if (from === undefined || !this.#isExpected(from)) continue;
      const data = this.#buffer.slice(0, Math.min(count, this.#buffer.length));
      found.push({ data, remoteAddress: toGuestAddress(from) });
    }
    return found;
  }

  subscribe(): Pollable {
    return this.#socket.pollable("read");
  }

  [Symbol.dispose](): void {
    this.isOpen = false;
    this.#use[Symbol.dispose]();
  }

  #isExpected({ ip, port }: SocketAddress): boolean {
    const { names } = this.#socket.network.net;
    const peer = this.#peer;
    if (peer !== undefined && (peer.ip !== ip || peer.port !== port)) {
      return false;
    }
    return names.allowsAddress(ip, port, "udp");
  }
}

/** The resource `wasi:sockets/udp.outgoing-datagram-stream`. */
export class OutgoingDatagramStream implements Disposable {
  readonly #socket: SharedSocket;
  readonly #use: Disposable;
  readonly #family: "ipv4" | "ipv6";
  readonly #peer: SocketAddress | undefined;
  isOpen = true;

  constructor(
    socket: SharedSocket,
    family: "ipv4" | "ipv6",
    peer: SocketAddress | undefined,
  ) {
    this.#socket = socket;
    this.#use = socket.use();
    this.#family = family;
    this.#peer = peer;
  }

  checkSend(): bigint {
    const { handle, network: { waits } } = this.#socket;
    return waits.ready([{ handle, kind: "write" }]) ? 16n : 0n;
  }

  /** How many were sent, none where Linux has no room; an error only where the first one failed. */
  send(datagrams: readonly OutgoingDatagram[]): bigint {
    const { handle, network } = this.#socket;
    const family = linuxFamily(this.#family);
    let sent = 0n;
    for (const { data, remoteAddress } of datagrams) {
      try {
        const address = this.#target(remoteAddress);
        onSocket(() =>
          network.net.sockets.send(handle, data, { address, family })
        );
        sent++;
      } catch (error) {
        if (sent > 0n || isFull(error)) break;
        throw error;
      }
    }
    return sent;
  }

  subscribe(): Pollable {
    return this.#socket.pollable("write");
  }

  [Symbol.dispose](): void {
    this.isOpen = false;
    this.#use[Symbol.dispose]();
  }

  #target(remote: IpSocketAddress | undefined): SocketAddress {
    if (remote === undefined) {
      return this.#peer ?? failSocket("invalid-argument");
    }
    const address = allowed(remote, this.#family, this.#socket.network);
    const peer = this.#peer;
    const isPeer = peer === undefined ||
      (peer.ip === address.ip && peer.port === address.port);
    return isPeer ? address : failSocket("invalid-argument");
  }
}

/** An address that the guest may send datagrams to. */
function allowed(
  remote: IpSocketAddress,
  family: "ipv4" | "ipv6",
  { net: { names } }: SocketNetwork,
): SocketAddress {
  if (remote.tag !== family) return failSocket("invalid-argument");
  const address = fromGuestAddress(remote);
  const { ip, port } = address;
  if (port === 0 || isUnspecified(ip) || isMapped(ip)) {
    return failSocket("invalid-argument");
  }
  return names.allowsAddress(ip, port, "udp")
    ? address
    : failSocket("access-denied");
}

function linuxFamily(family: "ipv4" | "ipv6") {
  return family === "ipv4" ? addressFamily.inet4 : addressFamily.inet6;
}

/** `send` knows no `would-block`. */
function isFull(error: unknown): boolean {
  return error instanceof GuestError && error.payload === "would-block";
}

/** A guest must not make its host hold more than this at once. */
const mostDatagrams = 64;

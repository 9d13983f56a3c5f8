import { errno, errnoOf, errnoOfLinux, WasiError } from "../errno.ts";
import type { OpenPort } from "../open_ports.ts";
import { addressFamily, type SocketAddress } from "../socket_address.ts";
import { optionOf } from "../socket_options.ts";
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
import { InputStream, OutputStream } from "./streams.ts";
import { SharedSocket, SocketInput, SocketSink } from "./tcp_streams.ts";

type State =
  | { readonly kind: "new" | "bindStarted" | "bound" }
  | { readonly kind: "connecting" }
  | {
    readonly kind: "connected";
    readonly input: SocketInput;
    readonly sink: SocketSink;
  }
  | { readonly kind: "listenStarted" | "listening" }
  | { readonly kind: "closed" };

/** The resource `wasi:sockets/tcp.tcp-socket`. */
export class TcpSocket implements Disposable {
  readonly #network: SocketNetwork;
  readonly #family: "ipv4" | "ipv6";
  readonly #socket: SharedSocket;
  readonly #use: Disposable;
  readonly #settings: SocketSettings;
  /** The port of the container that it has; it then listens already, at all of its addresses. */
  #port: OpenPort | undefined;
  #state: State = { kind: "new" };

  /** @param accepted A connection that was accepted; a new socket unless given. */
  constructor(
    network: SocketNetwork,
    family: "ipv4" | "ipv6",
    accepted?: number,
  ) {
    const { sockets } = network.net;
    const handle = accepted ??
      onSocket(() => sockets.open(linuxFamily(family), "stream"));
    this.#network = network;
    this.#family = family;
    this.#socket = new SharedSocket(handle, network);
    this.#use = this.#socket.use();
    this.#settings = new SocketSettings(
      sockets,
      () => this.#handles,
      family === "ipv6",
    );
    if (accepted !== undefined) this.#state = this.#connected();
  }

  startBind(_network: unknown, address: IpSocketAddress): void {
    const { ip, port } = this.#checked(address);
    if (this.#state.kind !== "new") failSocket("invalid-state");
    const own = this.#network.portAt({ ip, port });
    if (own !== undefined) {
      if (!this.#network.take(own)) failSocket("address-in-use");
      this.#port = own;
    } else {
      if (port !== 0 || !isUnspecified(ip)) failSocket("access-denied");
      const { sockets } = this.#network.net;
      const { handle } = this.#socket;
      onSocket(() =>
        sockets.bind(handle, { ip, port }, linuxFamily(this.#family))
      );
    }
    this.#state = { kind: "bindStarted" };
  }

  finishBind(): void {
    if (this.#state.kind !== "bindStarted") failSocket("not-in-progress");
    this.#state = { kind: "bound" };
  }

  startConnect(_network: unknown, remote: IpSocketAddress): void {
    const { ip, port } = this.#checked(remote);
    const { kind } = this.#state;
    if (kind !== "new" && kind !== "bound") failSocket("invalid-state");
    if (this.#port !== undefined) failSocket("invalid-state");
    if (port === 0 || isUnspecified(ip)) failSocket("invalid-argument");
    const { names, sockets } = this.#network.net;
    if (!names.allowsAddress(ip, port, "tcp")) failSocket("access-denied");
    try {
      const family = linuxFamily(this.#family);
      sockets.connect(this.#socket.handle, { ip, port }, family);
    } catch (error) {
      if (errnoOf(error) !== errno.inprogress) {
        this.#state = { kind: "closed" };
        failSocket(socketErrorOf(error));
      }
    }
    this.#state = { kind: "connecting" };
  }

  finishConnect(): readonly [InputStream, OutputStream] {
    if (this.#state.kind !== "connecting") failSocket("not-in-progress");
    const { handle } = this.#socket;
    const { sockets } = this.#network.net;
    if (!this.#network.waits.ready([{ handle, kind: "write" }])) {
      failSocket("would-block");
    }
    const number = new Int32Array(1);
    const bytes = new Uint8Array(number.buffer);
    onSocket(() => sockets.getOption(handle, optionOf.error, bytes));
    const [failure = 0] = number;
    if (failure !== 0) {
      this.#state = { kind: "closed" };
      failSocket(socketErrorOf(new WasiError(errnoOfLinux(failure))));
    }
    const state = this.#state = this.#connected();
    return this.#streams(state);
  }

  startListen(): void {
    if (this.#state.kind !== "bound") failSocket("invalid-state");
    // Where nobody could reach it, a guest need not wait.
    if (this.#port === undefined) failSocket("access-denied");
    this.#state = { kind: "listenStarted" };
  }

  finishListen(): void {
    if (this.#state.kind !== "listenStarted") failSocket("not-in-progress");
    this.#state = { kind: "listening" };
  }

  accept(): readonly [TcpSocket, InputStream, OutputStream] {
    if (this.#state.kind !== "listening") failSocket("invalid-state");
    const { sockets } = this.#network.net;
    for (const handle of this.#handles) {
      let accepted;
      try {
        accepted = sockets.accept(handle);
      } catch (error) {
        if (errnoOf(error) === errno.again) continue;
        failSocket(socketErrorOf(error));
      }
      const socket = new TcpSocket(this.#network, this.#family, accepted);
      return [socket, ...socket.#ownStreams()];
    }
    return failSocket("would-block");
  }

  localAddress(): IpSocketAddress {
    const { kind } = this.#state;
    if (kind === "new" || kind === "bindStarted") failSocket("invalid-state");
    const { sockets } = this.#network.net;
    const [handle = -1] = this.#handles;
    const address = onSocket(() => sockets.localAddress(handle));
    return address === undefined
      ? failSocket("unknown")
      : toGuestAddress(address);
  }

  remoteAddress(): IpSocketAddress {
    if (this.#state.kind !== "connected") failSocket("invalid-state");
    const { sockets } = this.#network.net;
    const address = onSocket(() => sockets.peerAddress(this.#socket.handle));
    return address === undefined
      ? failSocket("unknown")
      : toGuestAddress(address);
  }

  isListening(): boolean {
    return this.#state.kind === "listening";
  }

  addressFamily(): "ipv4" | "ipv6" {
    return this.#family;
  }

  /** Linux has the most of them that it allows: it is a hint. */
  setListenBacklogSize(size: bigint): void {
    if (size === 0n) failSocket("invalid-argument");
    const { kind } = this.#state;
    if (kind === "connected" || kind === "connecting") {
      failSocket("invalid-state");
    }
  }

  keepAliveEnabled(): boolean {
    return this.#settings.keepAlive;
  }

  setKeepAliveEnabled(value: boolean): void {
    this.#settings.keepAlive = value;
  }

  keepAliveIdleTime(): bigint {
    return this.#settings.getTime("keepAliveIdle");
  }

  setKeepAliveIdleTime(nanos: bigint): void {
    this.#settings.setTime("keepAliveIdle", nanos);
  }

  keepAliveInterval(): bigint {
    return this.#settings.getTime("keepAliveInterval");
  }

  setKeepAliveInterval(nanos: bigint): void {
    this.#settings.setTime("keepAliveInterval", nanos);
  }

  keepAliveCount(): number {
    return this.#settings.keepAliveCount;
  }

  setKeepAliveCount(value: number): void {
    this.#settings.keepAliveCount = value;
  }

  hopLimit(): number {
    return this.#settings.hopLimit;
  }

  setHopLimit(value: number): void {
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
    const { waits } = this.#network;
    const interests = () => {
      const kind = this.#state.kind === "listening" ? "read" : "write";
      return this.#handles.map((handle) => ({ handle, kind }) as const);
    };
    const isPending = () =>
      this.#state.kind === "connecting" || this.#state.kind === "listening";
    return new Pollable(
      () => !isPending() || waits.ready(interests()),
      (options) => waits.wait(interests(), options),
    );
  }

  shutdown(how: "receive" | "send" | "both"): void {
    const state = this.#state;
    if (state.kind !== "connected") return failSocket("invalid-state");
    const { sockets } = this.#network.net;
    const { handle } = this.#socket;
    if (how !== "send") state.input.close();
    if (how === "receive") {
      return onSocket(() => sockets.shutdown(handle, "read"));
    }
    const end = () =>
      sockets.shutdown(handle, how === "both" ? "both" : "write");
    // What was written before still goes; a connection that is gone needs no end.
    const use = this.#socket.use();
    state.sink.close().then(end).catch(() => undefined)
      .finally(() => use[Symbol.dispose]());
  }

  [Symbol.dispose](): void {
    if (this.#port !== undefined) this.#network.giveBack(this.#port);
    this.#state = { kind: "closed" };
    this.#use[Symbol.dispose]();
  }

  get #handles(): readonly number[] {
    return this.#port?.handles ?? [this.#socket.handle];
  }

  #connected(): Extract<State, { readonly kind: "connected" }> {
    return {
      kind: "connected",
      input: new SocketInput(this.#socket),
      sink: new SocketSink(this.#socket),
    };
  }

  #ownStreams(): readonly [InputStream, OutputStream] {
    return this.#state.kind === "connected"
      ? this.#streams(this.#state)
      : failSocket("invalid-state");
  }

  #streams(
    { input, sink }: Extract<State, { readonly kind: "connected" }>,
  ): readonly [InputStream, OutputStream] {
    const [reader, writer] = [this.#socket.use(), this.#socket.use()];
    return [
      new InputStream(input, () => reader[Symbol.dispose]()),
      new OutputStream(sink, () => writer[Symbol.dispose]()),
    ];
  }

  #checked(address: IpSocketAddress): SocketAddress {
    if (address.tag !== this.#family) failSocket("invalid-argument");
    const found = fromGuestAddress(address);
    if (isMapped(found.ip)) failSocket("invalid-argument");
    return found;
  }
}

function linuxFamily(family: "ipv4" | "ipv6") {
  return family === "ipv4" ? addressFamily.inet4 : addressFamily.inet6;
}

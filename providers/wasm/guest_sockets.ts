import { errno, errnoOf, fail, WasiError } from "./errno.ts";
import type { GuestMemory, Span } from "./guest_memory.ts";
import type { LinuxSockets, SocketInterest } from "./linux_sockets.ts";
import type { NameResolver } from "./name_resolver.ts";
import type { OpenPort } from "./open_ports.ts";
import type { AddressFamily, SocketAddress } from "./socket_address.ts";

/** What a guest has of the network. */
export interface GuestNet {
  readonly sockets: LinuxSockets;
  /** Ports of its container. */
  readonly ports: readonly OpenPort[];
  /** Says what it may reach. */
  readonly names: NameResolver;
}

/** A socket that a guest has open. */
export interface GuestSocket {
  readonly kind: "socket";
  /** Descriptors of the operating system: one, but more for a port with several addresses. */
  handles: readonly number[];
  readonly type: "stream" | "datagram";
  readonly family: AddressFamily;
  /** Whether a guest finds it open at its start. */
  readonly preopened: boolean;
  state: "new" | "listening" | "connected";
  /** The port that it is bound to. */
  port?: OpenPort;
  nonBlocking: boolean;
  /** How long a receiving call may take; 0 for ever. */
  receiveTimeout: number;
  sendTimeout: number;
}

/** What a receiving call tells. */
export interface ReceivedData {
  readonly count: number;
  /** Whether there was more of the datagram than space for it. */
  readonly cutOff: boolean;
  /** Who sent a datagram. */
  readonly from: SocketAddress | undefined;
}

/** How to receive: bits of WASI's `riflags`. */
const receiveFlag = { peek: 1, waitAll: 2 } as const;

/** What reads from a guest's sockets and writes to them; it waits where the guest wants that. */
export class SocketTransfers {
  readonly #net: GuestNet;
  readonly #memory: GuestMemory;

  constructor(net: GuestNet, memory: GuestMemory) {
    this.#net = net;
    this.#memory = memory;
  }

  /** Receives into the guest's memory. */
  receive(
    socket: GuestSocket,
    spans: readonly Span[],
    flags: number,
  ): ReceivedData | Promise<ReceivedData> {
    const peek = (flags & receiveFlag.peek) > 0;
    const { type } = socket;
    const space = Math.min(lengthOf(spans), maxTransfer);
    const once = () =>
      type === "datagram"
        ? this.#receiveDatagram(socket, spans, peek)
        : this.#receiveStream(socket, spans, { peek, space });
    const waitAll = (flags & receiveFlag.waitAll) > 0 && !peek;
    const all = waitAll && type === "stream" && !socket.nonBlocking;
    if (all) return this.#receiveAll(socket, spans);
    return this.whenReady(socket, "read", once);
  }

  /** Sends from the guest's memory, and returns how much. */
  send(
    socket: GuestSocket,
    spans: readonly Span[],
    to?: SocketAddress,
  ): number | Promise<number> {
    const bytes = this.#join(spans, maxTransfer);
    if (socket.type === "datagram") {
      if (lengthOf(spans) > maxTransfer) fail(errno.msgsize);
      const address = to && { address: to, family: socket.family };
      const send = () => this.#sockets.send(handleOf(socket), bytes, address);
      return this.whenReady(socket, "write", send);
    }
    const send = () => this.#sockets.send(handleOf(socket), bytes);
    const sent = this.whenReady(socket, "write", send);
    if (socket.nonBlocking || sent === lengthOf(spans)) return sent;
    return this.#sendRest(socket, spans, sent);
  }

  /** Does something at once, or once a socket is ready for it where the guest waits for that. */
  whenReady<Result>(
    socket: GuestSocket,
    kind: SocketInterest["kind"],
    act: () => Result,
  ): Result | Promise<Result> {
    try {
      return act();
    } catch (error) {
      const again = errnoOf(error) === errno.again;
      if (!again || socket.nonBlocking) throw error;
      return this.#later(socket, kind, act);
    }
  }

  /** Waits until a socket is ready; fails with `EAGAIN` when its time is over. */
  async untilReady(
    { handles, receiveTimeout, sendTimeout }: GuestSocket,
    kind: SocketInterest["kind"],
  ): Promise<void> {
    const timeout = kind === "read" ? receiveTimeout : sendTimeout;
    const interests = handles.map((handle) => ({ handle, kind }));
    await this.#sockets.wait(interests, { timeout: timeout || -1 });
    const isReady = this.#sockets.look(interests).some(({ ready }) => ready);
    if (timeout > 0 && !isReady) fail(errno.again);
  }

  get #sockets(): LinuxSockets {
    return this.#net.sockets;
  }

  async #later<Result>(
    socket: GuestSocket,
    kind: SocketInterest["kind"],
    act: () => Result,
  ): Promise<Result> {
    for (;;) {
      await this.untilReady(socket, kind);
      try {
        return act();
      } catch (error) {
        if (errnoOf(error) !== errno.again) throw error;
      }
    }
  }

  #receiveStream(
    socket: GuestSocket,
    spans: readonly Span[],
    { peek, space }: { readonly peek: boolean; readonly space: number },
  ): ReceivedData {
    const handle = handleOf(socket);
    const [first, second] = spans;
    const options = { peek, datagram: false };
    if (first !== undefined && second === undefined) {
      const into = this.#memory.slice(first.start, first.length);
      const { count } = this.#sockets.receive(handle, into, options);
      return { count, cutOff: false, from: undefined };
    }
    const into = new Uint8Array(space);
    const { count } = this.#sockets.receive(handle, into, options);
    this.#scatter(into.subarray(0, count), spans);
    return { count, cutOff: false, from: undefined };
  }

  /** Datagrams of others than the guest may reach are dropped, unless it has connected. */
  #receiveDatagram(
    socket: GuestSocket,
    spans: readonly Span[],
    peek: boolean,
  ): ReceivedData {
    const handle = handleOf(socket);
    const into = new Uint8Array(Math.min(lengthOf(spans), maxTransfer));
    for (;;) {
      const options = { peek, datagram: true };
      const { count, from } = this.#sockets.receive(handle, into, options);
      if (socket.state === "connected" || this.#mayReach(from)) {
        const taken = Math.min(count, into.length);
        this.#scatter(into.subarray(0, taken), spans);
        return { count: taken, cutOff: count > taken, from };
      }
      if (peek) {
        this.#sockets.receive(handle, into, { peek: false, datagram: true });
      }
    }
  }

  #mayReach(from: SocketAddress | undefined): boolean {
    return from !== undefined &&
      this.#net.names.allowsAddress(from.ip, from.port, "udp");
  }

  async #receiveAll(
    socket: GuestSocket,
    spans: readonly Span[],
  ): Promise<ReceivedData> {
    const wanted = lengthOf(spans);
    let done = 0;
    while (done < wanted) {
      const rest = skip(spans, done);
      const space = Math.min(wanted - done, maxTransfer);
      const { count } = await this.whenReady(
        socket,
        "read",
        () => this.#receiveStream(socket, rest, { peek: false, space }),
      );
      if (count === 0) break;
      done += count;
    }
    return { count: done, cutOff: false, from: undefined };
  }

  async #sendRest(
    socket: GuestSocket,
    spans: readonly Span[],
    first: number | Promise<number>,
  ): Promise<number> {
    let done = await first;
    while (done < lengthOf(spans)) {
      const bytes = this.#join(skip(spans, done), maxTransfer);
      const send = () => this.#sockets.send(handleOf(socket), bytes);
      try {
        done += await this.whenReady(socket, "write", send);
      } catch (error) {
        if (!(error instanceof WasiError)) throw error;
        // What went out counts: the next call fails.
        break;
      }
    }
    return done;
  }

  #scatter(bytes: Uint8Array, spans: readonly Span[]): void {
    let done = 0;
    for (const { start, length } of spans) {
      const piece = bytes.subarray(done, done + length);
      this.#memory.bytes.set(piece, start);
      done += piece.length;
    }
  }

  #join(spans: readonly Span[], most: number): Uint8Array<ArrayBuffer> {
    const [first, second] = spans;
    if (first !== undefined && second === undefined) {
      return this.#memory.slice(first.start, Math.min(first.length, most));
    }
    const joined = new Uint8Array(Math.min(lengthOf(spans), most));
    let done = 0;
    for (const { start, length } of spans) {
      const piece = this.#memory.slice(start, length)
        .subarray(0, joined.length - done);
      joined.set(piece, done);
      done += piece.length;
    }
    return joined;
  }
}

/** The socket's own descriptor. */
export function handleOf({ handles: [handle] }: GuestSocket): number {
  return handle ?? fail(errno.badf);
}

function lengthOf(spans: readonly Span[]): number {
  return spans.reduce((sum, { length }) => sum + length, 0);
}

function skip(spans: readonly Span[], count: number): readonly Span[] {
  let left = count;
  return spans.flatMap(({ start, length }) => {
    const skipped = Math.min(left, length);
    left -= skipped;
    return skipped === length
      ? []
      : [{ start: start + skipped, length: length - skipped }];
  });
}

/** What one call copies at most; more than the largest datagram. */
const maxTransfer = 262_144;

import type { LinuxSockets, SocketOption } from "../linux_sockets.ts";
import { optionOf } from "../socket_options.ts";
import { failSocket, onSocket } from "./socket_errors.ts";

/** The options of the sockets of WASI 0.2, over those of Linux; times are in nanoseconds. */
export class SocketSettings {
  readonly #sockets: LinuxSockets;
  readonly #handles: () => readonly number[];
  readonly #isInet6: boolean;

  /** @param handles All get an option that is set; the first one is asked. */
  constructor(
    sockets: LinuxSockets,
    handles: () => readonly number[],
    isInet6: boolean,
  ) {
    this.#sockets = sockets;
    this.#handles = handles;
    this.#isInet6 = isInet6;
  }

  get keepAlive(): boolean {
    return this.#get(optionOf.keepAlive) !== 0;
  }

  set keepAlive(value: boolean) {
    this.#set(optionOf.keepAlive, value ? 1 : 0);
  }

  getTime(option: keyof typeof times): bigint {
    return BigInt(this.#get(times[option])) * nanosPerSecond;
  }

  /** Linux counts in seconds, at least one and at most 32767. */
  setTime(option: keyof typeof times, nanos: bigint): void {
    if (nanos <= 0n) failSocket("invalid-argument");
    const seconds = (nanos + nanosPerSecond - 1n) / nanosPerSecond;
    this.#set(times[option], Number(seconds > 32767n ? 32767n : seconds));
  }

  get keepAliveCount(): number {
    return this.#get(keepAliveCount);
  }

  set keepAliveCount(value: number) {
    if (value === 0) failSocket("invalid-argument");
    this.#set(keepAliveCount, Math.min(value, 127));
  }

  get hopLimit(): number {
    return this.#get(this.#isInet6 ? hops.inet6 : hops.inet4);
  }

  set hopLimit(value: number) {
    if (value === 0) failSocket("invalid-argument");
    this.#set(this.#isInet6 ? hops.inet6 : hops.inet4, value);
  }

  /** Linux keeps as much again for itself, and says so. */
  getBuffer(option: "receiveBuffer" | "sendBuffer"): bigint {
    return BigInt(this.#get(optionOf[option])) / 2n;
  }

  setBuffer(option: "receiveBuffer" | "sendBuffer", value: bigint): void {
    if (value === 0n) failSocket("invalid-argument");
    const most = 2n ** 30n;
    this.#set(optionOf[option], Number(value > most ? most : value));
  }

  #get(option: SocketOption): number {
    return onSocket(() => {
      const value = new Int32Array(1);
      const bytes = new Uint8Array(value.buffer);
      this.#sockets.getOption(this.#handles()[0] ?? -1, option, bytes);
      return value[0] ?? 0;
    });
  }

  #set(option: SocketOption, value: number): void {
    const bytes = new Uint8Array(new Int32Array([value]).buffer);
    onSocket(() => {
      for (const handle of this.#handles()) {
        this.#sockets.setOption(handle, option, bytes);
      }
    });
  }
}

/** `TCP_KEEPIDLE` and `TCP_KEEPINTVL` of linux/tcp.h. */
const times = {
  keepAliveIdle: { level: 6, name: 4 },
  keepAliveInterval: { level: 6, name: 5 },
} as const;

/** `TCP_KEEPCNT`. */
const keepAliveCount: SocketOption = { level: 6, name: 6 };

/** `IP_TTL` and `IPV6_UNICAST_HOPS`. */
const hops = {
  inet4: { level: 0, name: 2 },
  inet6: { level: 41, name: 16 },
} as const;

const nanosPerSecond = 1_000_000_000n;

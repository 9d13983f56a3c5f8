import { errno, errnoOfLinux, WasiError } from "./errno.ts";
import {
  type AddressFamily,
  decodeAddress,
  encodeAddress,
  type SocketAddress,
} from "./socket_address.ts";

/** What a socket is waited for. */
export interface SocketInterest {
  readonly handle: number;
  readonly kind: "read" | "write";
}

/** How a socket stands. */
export interface SocketReadiness {
  /** Whether what it was asked for would not block: also where it would only fail. */
  readonly ready: boolean;
  /** Whether the other side is gone. */
  readonly hungUp: boolean;
}

/** What came of a datagram or a stream. */
export interface Received {
  /** May be more than the space there was, for a datagram that was cut off. */
  readonly count: number;
  readonly from: SocketAddress | undefined;
}

/**
 * The sockets of Linux, all of them non-blocking: what would wait fails with `EAGAIN`. Everything
 * throws a `WasiError`.
 *
 * They are those of the C library, because Deno's own neither peek nor tell what blocks. Nothing
 * here asks for Deno's permissions once this is made.
 */
export class LinuxSockets implements Disposable {
  readonly #libc = Deno.dlopen("libc.so.6", symbols);
  readonly #errno = errnoPlace(this.#libc.symbols.__errno_location());
  readonly #wake = this.#check(this.#libc.symbols.eventfd(0, wakeFlags));

  /** Closes the library, but no socket. */
  [Symbol.dispose](): void {
    this.close(this.#wake);
    this.#libc.close();
  }

  open(family: AddressFamily, type: "stream" | "datagram"): number {
    const kind = (type === "stream" ? stream : datagram) | closeOnExec |
      nonBlocking;
    return this.#check(this.#libc.symbols.socket(family.linux, kind, 0));
  }

  close(handle: number): void {
    this.#check(this.#libc.symbols.close(handle));
  }

  bind(handle: number, address: SocketAddress, family: AddressFamily): void {
    const bytes = encodeAddress(address, family);
    this.#check(this.#libc.symbols.bind(handle, bytes, bytes.length));
  }

  listen(handle: number, backlog: number): void {
    this.#check(this.#libc.symbols.listen(handle, backlog));
  }

  accept(handle: number): number {
    const flags = closeOnExec | nonBlocking;
    return this.#check(this.#libc.symbols.accept4(handle, null, null, flags));
  }

  connect(handle: number, address: SocketAddress, family: AddressFamily): void {
    const bytes = encodeAddress(address, family);
    this.#check(this.#libc.symbols.connect(handle, bytes, bytes.length));
  }

  /** A second descriptor for the same socket. */
  duplicate(handle: number): number {
    return this.#check(this.#libc.symbols.fcntl(handle, duplicateOnExec, 0));
  }

  receive(
    handle: number,
    into: Uint8Array<ArrayBuffer>,
    { peek, datagram }: { readonly peek: boolean; readonly datagram: boolean },
  ): Received {
    const from = new Uint8Array(addressSpace);
    const length = new Uint32Array([addressSpace]);
    const count = this.#libc.symbols.recvfrom(
      handle,
      into,
      BigInt(into.length),
      (peek ? message.peek : 0) | (datagram ? message.truncated : 0),
      from,
      new Uint8Array(length.buffer),
    );
    return {
      count: this.#check(Number(count)),
      from: datagram && length[0] ? decodeAddress(from) : undefined,
    };
  }

  /** Sends as much as fits, to where the socket is connected unless an address is given. */
  send(
    handle: number,
    bytes: Uint8Array<ArrayBuffer>,
    to?: { readonly address: SocketAddress; readonly family: AddressFamily },
  ): number {
    const address = to && encodeAddress(to.address, to.family);
    const count = this.#libc.symbols.sendto(
      handle,
      bytes,
      BigInt(bytes.length),
      message.noSignal,
      address ?? null,
      address?.length ?? 0,
    );
    return this.#check(Number(count));
  }

  shutdown(handle: number, how: "read" | "write" | "both"): void {
    const number = { read: 0, write: 1, both: 2 }[how];
    this.#check(this.#libc.symbols.shutdown(handle, number));
  }

  localAddress(handle: number): SocketAddress | undefined {
    const { getsockname } = this.#libc.symbols;
    return this.#address((bytes, length) => getsockname(handle, bytes, length));
  }

  peerAddress(handle: number): SocketAddress | undefined {
    const { getpeername } = this.#libc.symbols;
    return this.#address((bytes, length) => getpeername(handle, bytes, length));
  }

  /** Fills the bytes with the value of an option, and returns how many of them it has. */
  getOption(
    handle: number,
    option: SocketOption,
    value: Uint8Array<ArrayBuffer>,
  ): number {
    const length = new Uint32Array([value.length]);
    const lengthBytes = new Uint8Array(length.buffer);
    const { getsockopt } = this.#libc.symbols;
    const { level, name } = option;
    this.#check(getsockopt(handle, level, name, value, lengthBytes));
    return length[0] ?? 0;
  }

  setOption(
    handle: number,
    { level, name }: SocketOption,
    value: Uint8Array<ArrayBuffer>,
  ): void {
    const { setsockopt } = this.#libc.symbols;
    this.#check(setsockopt(handle, level, name, value, value.length));
  }

  /** How many bytes can be read at once. */
  readableBytes(handle: number): number {
    const count = new Int32Array(1);
    const bytes = new Uint8Array(count.buffer);
    if (this.#libc.symbols.ioctl(handle, inputBytes, bytes) < 0) return 0;
    return count[0] ?? 0;
  }

  /** How each of the sockets stands now. */
  look(interests: readonly SocketInterest[]): readonly SocketReadiness[] {
    if (interests.length === 0) return [];
    const asked = encodeInterests(interests);
    this.#check(
      this.#libc.symbols.poll(asked, BigInt(interests.length), 0),
    );
    const view = new DataView(asked.buffer);
    return interests.map((_, i) => {
      const events = view.getInt16(i * 8 + 6, true);
      const hungUp = (events & (pollEvent.hangup | pollEvent.error)) !== 0;
      return { ready: events !== 0, hungUp };
    });
  }

  /** Resolves when one of the sockets may be ready, the time is over, or the signal aborted. */
  async wait(
    interests: readonly SocketInterest[],
    { signal, timeout = -1 }: {
      readonly signal?: AbortSignal;
      readonly timeout?: number;
    },
  ): Promise<void> {
    const wake = { handle: this.#wake, kind: "read" } as const;
    const asked = encodeInterests([...interests, wake]);
    const interrupt = () => {
      this.#libc.symbols.write(this.#wake, one, 8n);
    };
    signal?.addEventListener("abort", interrupt, { once: true });
    if (signal?.aborted) interrupt();
    try {
      const count = BigInt(interests.length + 1);
      await this.#libc.symbols.waitForSockets(asked, count, timeout);
    } finally {
      signal?.removeEventListener("abort", interrupt);
      // Nobody else waits: a guest has one thread.
      this.#libc.symbols.read(this.#wake, new Uint8Array(8), 8n);
    }
  }

  #address(
    ask: (
      bytes: Uint8Array<ArrayBuffer>,
      length: Uint8Array<ArrayBuffer>,
    ) => number,
  ): SocketAddress | undefined {
    const bytes = new Uint8Array(addressSpace);
    const length = new Uint8Array(new Uint32Array([addressSpace]).buffer);
    this.#check(ask(bytes, length));
    return decodeAddress(bytes);
  }

  #check(result: number): number {
    if (result >= 0) return result;
    throw new WasiError(errnoOfLinux(this.#errno[0] ?? 0));
  }
}

/** An option of setsockopt(2), in the numbers of Linux. */
export interface SocketOption {
  readonly level: number;
  readonly name: number;
}

/** The thread's `errno` itself: asking for it by a call could change it. */
function errnoPlace(location: Deno.PointerValue): Int32Array {
  if (location === null) throw new WasiError(errno.nosys);
  return new Int32Array(Deno.UnsafePointerView.getArrayBuffer(location, 4));
}

/** An array of `struct pollfd`. */
function encodeInterests(
  interests: readonly SocketInterest[],
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(interests.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, { handle, kind }] of interests.entries()) {
    view.setInt32(i * 8, handle, true);
    view.setInt16(i * 8 + 4, pollEvent[kind], true);
  }
  return bytes;
}

const symbols = {
  __errno_location: { parameters: [], result: "pointer" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  accept4: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  recvfrom: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "buffer"],
    result: "isize",
  },
  sendto: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"],
    result: "isize",
  },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  setsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
  ioctl: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32" },
  // In a thread of its own, while this one goes on.
  waitForSockets: {
    name: "poll",
    parameters: ["buffer", "usize", "i32"],
    result: "i32",
    nonblocking: true,
  },
} as const;

// What follows is the same on x86-64 and arm64.

/** `SOCK_*`. */
const stream = 1;
const datagram = 2;
const nonBlocking = 0o4000;
const closeOnExec = 0o2000000;

/** `EFD_NONBLOCK | EFD_CLOEXEC`. */
const wakeFlags = nonBlocking | closeOnExec;

/** `F_DUPFD_CLOEXEC`. */
const duplicateOnExec = 1030;

/** `MSG_*`. */
const message = { peek: 0x2, truncated: 0x20, noSignal: 0x4000 };

/** `POLLIN`, `POLLOUT` and so on. */
const pollEvent = { read: 1, write: 4, error: 8, hangup: 16 };

/** `FIONREAD`. */
const inputBytes = 0x541bn;

/** `sizeof(struct sockaddr_in6)`. */
const addressSpace = 28;

const one = new Uint8Array(new BigUint64Array([1n]).buffer);

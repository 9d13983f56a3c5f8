import { errno, errnoOfLinux, fail } from "./errno.ts";
import { type GuestSocket, handleOf } from "./guest_sockets.ts";
import type { LinuxSockets, SocketOption } from "./linux_sockets.ts";

/** The options that this host knows, in the numbers of Linux (asm-generic/socket.h). */
export const optionOf = {
  reuseAddress: { level: 1, name: 2 },
  type: { level: 1, name: 3 },
  error: { level: 1, name: 4 },
  doNotRoute: { level: 1, name: 5 },
  broadcast: { level: 1, name: 6 },
  sendBuffer: { level: 1, name: 7 },
  receiveBuffer: { level: 1, name: 8 },
  keepAlive: { level: 1, name: 9 },
  inlineUrgent: { level: 1, name: 10 },
  linger: { level: 1, name: 13 },
  lowWater: { level: 1, name: 18 },
  listens: { level: 1, name: 30 },
  noDelay: { level: 6, name: 1 },
} as const satisfies Readonly<Record<string, SocketOption>>;

/** What a guest calls an option, in the numbers of WasmEdge. */
export interface GuestOption {
  /** 0 for `SOL_SOCKET`, 6 for TCP. */
  readonly level: number;
  readonly name: number;
}

/**
 * The value of an option, as a guest wants it; at most as long as asked for.
 *
 * `SO_ERROR` is an error number of WASI, `SO_TYPE` one of its socket types, and times are a
 * `struct timeval` of the guest's.
 */
export function readOption(
  socket: GuestSocket,
  option: GuestOption,
  { sockets, length }: {
    readonly sockets: LinuxSockets;
    readonly length: number;
  },
): Uint8Array {
  const known = find(option);
  const space = new Uint8Array(Math.min(length, maxLength));
  switch (known) {
    case "receiveTimeout":
    case "sendTimeout":
      return encodeTime(socket[known], space);
    case "type":
      return encodeNumber(socket.type === "stream" ? 2 : 1, space);
    case "error": {
      const value = new Uint8Array(4);
      sockets.getOption(handleOf(socket), optionOf.error, value);
      const number = new DataView(value.buffer).getInt32(0, true);
      return encodeNumber(number === 0 ? 0 : errnoOfLinux(number), space);
    }
    default: {
      const handle = handleOf(socket);
      const used = sockets.getOption(handle, optionOf[known], space);
      return space.subarray(0, used);
    }
  }
}

/** Sets an option. Fails with `ENOPROTOOPT` for those that nobody may set. */
export function writeOption(
  socket: GuestSocket,
  option: GuestOption,
  { sockets, value }: {
    readonly sockets: LinuxSockets;
    readonly value: Uint8Array;
  },
): void {
  const known = find(option);
  if (value.length > maxLength) fail(errno.inval);
  switch (known) {
    case "receiveTimeout":
    case "sendTimeout":
      socket[known] = decodeTime(value);
      return;
    case "type":
    case "error":
    case "listens":
      return fail(errno.noprotoopt);
    default:
      sockets.setOption(handleOf(socket), optionOf[known], value.slice());
  }
}

function find({ level, name }: GuestOption) {
  const options = level === 0 ? socketLevel : level === 6 ? tcpLevel : [];
  return options[name] ?? fail(errno.noprotoopt);
}

function encodeNumber(number: number, space: Uint8Array): Uint8Array {
  if (space.length < 4) fail(errno.inval);
  new DataView(space.buffer).setInt32(0, number, true);
  return space.subarray(0, 4);
}

/** Seconds and microseconds: of 64 and 32 bits, or both of 32. */
function encodeTime(ms: number, space: Uint8Array): Uint8Array {
  const view = new DataView(space.buffer);
  const [seconds, micros] = [Math.floor(ms / 1000), ms % 1000 * 1000];
  if (space.length < 16) {
    if (space.length < 8) fail(errno.inval);
    view.setInt32(0, seconds, true);
    view.setInt32(4, micros, true);
    return space.subarray(0, 8);
  }
  view.setBigInt64(0, BigInt(seconds), true);
  view.setInt32(8, micros, true);
  return space.subarray(0, 16);
}

function decodeTime(value: Uint8Array): number {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  if (value.length < 8) return fail(errno.inval);
  const [seconds, micros] = value.length < 16
    ? [view.getInt32(0, true), view.getInt32(4, true)]
    : [Number(view.getBigInt64(0, true)), view.getInt32(8, true)];
  const ms = seconds * 1000 + Math.ceil(micros / 1000);
  return ms >= 0 ? Math.min(ms, 2 ** 31 - 1) : fail(errno.inval);
}

/** More than any value here has. */
const maxLength = 128;

/** `SO_*` of WasmEdge, by their numbers. Binding to a device is not for guests. */
const socketLevel = [
  "reuseAddress",
  "type",
  "error",
  "doNotRoute",
  "broadcast",
  "sendBuffer",
  "receiveBuffer",
  "keepAlive",
  "inlineUrgent",
  "linger",
  "lowWater",
  "receiveTimeout",
  "sendTimeout",
  "listens",
] as const;

const tcpLevel = [undefined, "noDelay"] as const;

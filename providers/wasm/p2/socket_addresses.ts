import { parseIp } from "../ip_address.ts";
import {
  bytesOfIp,
  familyOf,
  ipOfBytes,
  type SocketAddress,
} from "../socket_address.ts";

/** The `ip-address` of `wasi:sockets/network`: numbers of 8 or of 16 bits. */
export interface IpAddress {
  readonly tag: "ipv4" | "ipv6";
  readonly val: readonly number[];
}

/** The `ip-socket-address` of `wasi:sockets/network`. */
export interface IpSocketAddress {
  readonly tag: "ipv4" | "ipv6";
  readonly val: {
    readonly port: number;
    readonly address: readonly number[];
    readonly flowInfo?: number;
    readonly scopeId?: number;
  };
}

/** The address that a guest means. */
export function fromGuestAddress({ tag, val }: IpSocketAddress): SocketAddress {
  const bytes = tag === "ipv4"
    ? val.address
    : val.address.flatMap((part) => [part >> 8, part & 0xff]);
  return { ip: ipOfBytes(Uint8Array.from(bytes)), port: val.port };
}

/** An address as a guest has it. */
export function toGuestAddress({ ip, port }: SocketAddress): IpSocketAddress {
  const { tag, val: address } = toGuestIp(ip);
  return tag === "ipv4"
    ? { tag, val: { port, address } }
    : { tag, val: { port, address, flowInfo: 0, scopeId: 0 } };
}

/** An IP address as a guest has it. */
export function toGuestIp(ip: string): IpAddress {
  const bytes = [...bytesOfIp(ip, familyOf(ip))];
  if (bytes.length === 4) return { tag: "ipv4", val: bytes };
  const val = Array.from(
    { length: 8 },
    (_, i) => (bytes[2 * i] ?? 0) << 8 | (bytes[2 * i + 1] ?? 0),
  );
  return { tag: "ipv6", val };
}

/** Whether it stands for all addresses of this machine. */
export function isUnspecified(ip: string): boolean {
  return parseIp(ip)?.first === 0n;
}

/** Whether it is an IPv4 address in the clothes of IPv6, which guests may not use. */
export function isMapped(ip: string): boolean {
  if (!ip.includes(":")) return false;
  const bytes = bytesOfIp(ip, familyOf(ip));
  return bytes.subarray(0, 10).every((byte) => byte === 0) &&
    bytes[10] === 0xff && bytes[11] === 0xff;
}

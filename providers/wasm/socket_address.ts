import { addressAt, parseIp } from "./ip_address.ts";

/** An IP address and a port. */
export interface SocketAddress {
  /** Without brackets and zone. */
  readonly ip: string;
  readonly port: number;
}

/** Address families of WASI's socket extension, and of Linux. */
export const addressFamily = {
  inet4: { wasi: 1, linux: 2, length: 4, any: "0.0.0.0" },
  inet6: { wasi: 2, linux: 10, length: 16, any: "::" },
} as const;

/** One of the {@linkcode addressFamily}. */
export type AddressFamily = typeof addressFamily[keyof typeof addressFamily];

/** The family of an address as it is written. */
export function familyOf(ip: string): AddressFamily {
  return ip.includes(":") ? addressFamily.inet6 : addressFamily.inet4;
}

/** The 4 or 16 bytes of an address, as text. */
export function ipOfBytes(bytes: Uint8Array): string {
  const first = bytes.reduce((sum, byte) => sum << 8n | BigInt(byte), 0n);
  const bits = bytes.length === 4 ? 32 : 128;
  return addressAt({ bits, first, prefix: bits }, 0n);
}

/** The address as the bytes of its family; an IPv4 address also as those of IPv6. */
export function bytesOfIp(
  ip: string,
  { length }: AddressFamily = familyOf(ip),
): Uint8Array<ArrayBuffer> {
  const range = parseIp(ip);
  if (range === undefined || (length === 4 && range.bits !== 32)) {
    throw new TypeError(`Cannot use address "${ip}" in this family`);
  }
  const mapped = length === 16 && range.bits === 32;
  const value = mapped ? 0xffff_0000_0000n | range.first : range.first;
  return Uint8Array.from(
    { length },
    (_, i) => Number(value >> BigInt(8 * (length - 1 - i)) & 0xffn),
  );
}

/** A `struct sockaddr_in` or `sockaddr_in6` of Linux. */
export function encodeAddress(
  { ip, port }: SocketAddress,
  family: AddressFamily,
): Uint8Array<ArrayBuffer> {
  const isInet6 = family === addressFamily.inet6;
  const bytes = new Uint8Array(isInet6 ? 28 : 16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, family.linux, true);
  view.setUint16(2, port);
  bytes.set(bytesOfIp(ip, family), isInet6 ? 8 : 4);
  return bytes;
}

/** Reads what {@linkcode encodeAddress} makes; undefined for another family. */
export function decodeAddress(
  bytes: Uint8Array<ArrayBuffer>,
): SocketAddress | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const port = view.getUint16(2);
  switch (view.getUint16(0, true)) {
    case addressFamily.inet4.linux:
      return { ip: ipOfBytes(bytes.subarray(4, 8)), port };
    case addressFamily.inet6.linux:
      return { ip: ipOfBytes(bytes.subarray(8, 24)), port };
    default:
      return undefined;
  }
}

import { errno, fail } from "./errno.ts";
import type { GuestMemory } from "./guest_memory.ts";
import {
  addressFamily,
  bytesOfIp,
  familyOf,
  ipOfBytes,
  type SocketAddress,
} from "./socket_address.ts";

/**
 * The address that a guest gives to WasmEdge's functions: a pointer and a length, of the 4 or 16
 * bytes of an address, or of 128 bytes that begin with its family.
 */
export function readAddress(
  memory: GuestMemory,
  pointer: number,
  port: number,
): SocketAddress {
  if (port >>> 0 > 65_535) fail(errno.inval);
  const space = spaceAt(memory, pointer);
  switch (space.length) {
    case addressFamily.inet4.length:
    case addressFamily.inet6.length:
      return { ip: ipOfBytes(space), port };
    case storageLength: {
      const { length } = familyByNumber(space[0]);
      return { ip: ipOfBytes(space.subarray(2, 2 + length)), port };
    }
    default:
      return fail(errno.inval);
  }
}

/** Writes an address to where the guest has space for one, in the form that fits the space. */
export function writeAddress(
  memory: GuestMemory,
  pointer: number,
  ip: string,
): void {
  const space = spaceAt(memory, pointer);
  const family = familyOf(ip);
  const bytes = bytesOfIp(ip);
  if (space.length === storageLength) {
    space.fill(0);
    space[0] = family.wasi;
    space.set(bytes, 2);
    return;
  }
  if (space.length < bytes.length) fail(errno.inval);
  space.set(bytes);
}

/** The family that a guest names by its number; `EAFNOSUPPORT` for others. */
export function familyByNumber(number: number | undefined) {
  switch (number) {
    case addressFamily.inet4.wasi:
      return addressFamily.inet4;
    case addressFamily.inet6.wasi:
      return addressFamily.inet6;
    default:
      return fail(errno.afnosupport);
  }
}

function spaceAt(
  memory: GuestMemory,
  pointer: number,
): Uint8Array<ArrayBuffer> {
  return memory.slice(memory.getUint32(pointer), memory.getUint32(pointer + 4));
}

/** Of WasmEdge's second version, as `struct sockaddr_storage`. */
const storageLength = 128;

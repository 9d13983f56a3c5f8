import { errno, fail } from "./errno.ts";
import type { GuestMemory } from "./guest_memory.ts";
import {
  type AddressFamily,
  addressFamily,
  bytesOfIp,
  familyOf,
} from "./socket_address.ts";
import { parseIp } from "./ip_address.ts";
import type { WasiFunctions, WasiHost } from "./wasi_host.ts";

/** WasmEdge's function that looks names up. */
export function addressInfoFunctions({ memory, net }: WasiHost) {
  return {
    sock_getaddrinfo(
      node: number,
      nodeLength: number,
      service: number,
      serviceLength: number,
      hintsPointer: number,
      resultPointer: number,
      most: number,
      outCount: number,
    ): number | Promise<number> {
      const host = textAt(memory, node, nodeLength);
      const port = portOf(textAt(memory, service, serviceLength));
      const hints = readHints(memory, hintsPointer);
      const first = memory.getUint32(resultPointer);
      memory.span(outCount, 4);
      if (host === "" && port === undefined) return infoErrno.noName;
      if (most === 0) return infoErrno.memory;

      function answer(ips: readonly string[]): number {
        const entries = ips
          .filter((ip) =>
            hints.family === undefined || familyOf(ip) === hints.family
          )
          .flatMap((ip) => hints.types.map((type) => ({ ip, type })));
        if (entries.length === 0) return infoErrno.noData;
        let [count, at] = [0, first];
        for (const { ip, type } of entries.slice(0, most >>> 0)) {
          if (at === 0) break;
          writeInfo(memory, at, { ip, type, port: port ?? 0 });
          at = memory.getUint32(at + 24);
          count++;
        }
        memory.setUint32(outCount, count);
        return errno.success;
      }

      if (host === "") return answer(hints.passive ? anyAddresses : loopback);
      if (parseIp(host) !== undefined) return answer([host]);
      if (hints.numeric) return infoErrno.noName;
      if (net === undefined) return errno.acces;
      const { signal } = new AbortController();
      return net.names.lookup(host, { signal }).then(answer, toErrno);
    },
  } satisfies Partial<WasiFunctions>;
}

interface Hints {
  readonly family: AddressFamily | undefined;
  /** WASI's numbers for datagrams and streams. */
  readonly types: readonly number[];
  readonly passive: boolean;
  readonly numeric: boolean;
}

function readHints(memory: GuestMemory, at: number): Hints {
  memory.span(at, infoLength);
  const flags = memory.getUint16(at);
  const type = memory.getUint8(at + 3);
  const protocol = memory.getUint8(at + 4);
  const wanted = type !== 0 ? type : [0, 2, 1][protocol] ?? 0;
  return {
    family: familyHint(memory.getUint8(at + 2)),
    types: wanted === 0 ? [2, 1] : [wanted],
    passive: (flags & 1) > 0,
    numeric: (flags & 4) > 0,
  };
}

function familyHint(number: number): AddressFamily | undefined {
  if (number === 0) return undefined;
  const families = [undefined, addressFamily.inet4, addressFamily.inet6];
  return families[number] ?? fail(infoErrno.family);
}

/** Fills one of the structures that the guest has chained. */
function writeInfo(
  memory: GuestMemory,
  at: number,
  { ip, type, port }: {
    readonly ip: string;
    readonly type: number;
    readonly port: number;
  },
): void {
  const family = familyOf(ip);
  const address = memory.getUint32(at + 12);
  const space = memory.slice(
    memory.getUint32(address + 8),
    memory.getUint32(address + 4),
  );
  const data = addressData(ip, port);
  space.fill(0);
  space.set(data.subarray(0, space.length));
  memory.setUint8(address, family.wasi);
  memory.setUint32(address + 4, Math.min(data.length, space.length));
  memory.setUint16(at, 0);
  memory.setUint8(at + 2, family.wasi);
  memory.setUint8(at + 3, type);
  memory.setUint32(at + 4, type === 2 ? 1 : 2);
  memory.setUint32(at + 8, addressLength);
  memory.setUint32(at + 20, 0);
}

/** A `sockaddr` of Linux after its family: the port first, in the order of the network. */
function addressData(ip: string, port: number): Uint8Array {
  const isInet6 = familyOf(ip) === addressFamily.inet6;
  const data = new Uint8Array(isInet6 ? 26 : 14);
  new DataView(data.buffer).setUint16(0, port);
  // IPv6 has its flow label between them.
  data.set(bytesOfIp(ip), isInet6 ? 6 : 2);
  return data;
}

/** WasmEdge's callers end it with a NUL. */
function textAt(memory: GuestMemory, at: number, length: number): string {
  const bytes = memory.slice(at, length);
  const end = bytes.indexOf(0);
  const { start } = memory.span(at, length);
  return memory.text(start, end < 0 ? bytes.length : end);
}

/** Undefined where no service is named. */
function portOf(service: string): number | undefined {
  if (service === "") return undefined;
  const known = new Map([["http", 80], ["https", 443], ["domain", 53]]);
  const port = known.get(service) ??
    (/^\d{1,5}$/.test(service) ? Number(service) : NaN);
  return port <= 65_535 ? port : fail(infoErrno.service);
}

function toErrno(error: unknown): number {
  if (error instanceof Deno.errors.PermissionDenied) return errno.acces;
  return error instanceof Deno.errors.NotFound
    ? infoErrno.noName
    : infoErrno.again;
}

/** Error numbers of WasmEdge for looking names up, after those of preview 1. */
const infoErrno = {
  again: 78,
  family: 81,
  memory: 82,
  noData: 83,
  noName: 84,
  service: 85,
} as const;

const anyAddresses = ["0.0.0.0", "::"];

const loopback = ["127.0.0.1", "::1"];

/** Sizes of the guest's `addrinfo` and `sockaddr`. */
const infoLength = 28;
const addressLength = 16;

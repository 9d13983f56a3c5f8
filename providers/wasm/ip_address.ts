import { isIPv4, isIPv6 } from "node:net";

/** A range of IP addresses; a single address has all of its bits fixed. */
export interface IpRange {
  /** 32 or 128; an IPv4 address in the form of an IPv6 one counts as IPv4. */
  readonly bits: 32 | 128;
  /** The first address, as a number. */
  readonly first: bigint;
  /** How many leading bits are fixed. */
  readonly prefix: number;
}

/** Reads an address, without brackets, zone or port; undefined if it is none. */
export function parseIp(text: string): IpRange | undefined {
  if (isIPv4(text)) return { bits: 32, first: ipv4Number(text), prefix: 32 };
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const first = ipv6Number(text);
  return first >> 32n === 0xffffn
    ? { bits: 32, first: first & 0xffffffffn, prefix: 32 }
    : { bits: 128, first, prefix: 128 };
}

/** Reads `ADDRESS/PREFIX`; undefined for anything else, and where bits after the prefix are set. */
export function parseCidr(text: string): IpRange | undefined {
  const [, address = "", length = ""] =
    /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const whole = parseIp(address);
  if (whole === undefined) return undefined;
  const mapped = whole.bits === 32 && address.includes(":");
  const prefix = Number(length) - (mapped ? 96 : 0);
  if (prefix < 0 || prefix > whole.bits) return undefined;
  const range = { ...whole, prefix };
  return range.first % rangeSize(range) === 0n ? range : undefined;
}

/** How many addresses a range has. */
export function rangeSize({ bits, prefix }: IpRange): bigint {
  return 1n << BigInt(bits - prefix);
}

/** Whether all of `inner` is in `outer`. */
export function contains(outer: IpRange, inner: IpRange): boolean {
  return outer.bits === inner.bits && outer.prefix <= inner.prefix &&
    inner.first >= outer.first &&
    inner.first < outer.first + rangeSize(outer);
}

/** The address that is `offset` after the first one of a range, as text. */
export function addressAt({ bits, first }: IpRange, offset: bigint): string {
  const value = first + offset;
  if (bits === 32) {
    return [24n, 16n, 8n, 0n].map((shift) => value >> shift & 0xffn).join(".");
  }
  const groups = Array.from(
    { length: 8 },
    (_, i) => (value >> BigInt(112 - 16 * i) & 0xffffn).toString(16),
  );
  // As URLs write it: the longest run of zeros is left out.
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

/** An address as it stands before a colon and a port. */
export function formatHost(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/** Whether nothing but this machine and its links has such an address, or it is no unicast one. */
export function isLocalAddress(address: IpRange): boolean {
  return localRanges.some((text) => {
    const range = parseCidr(text);
    return range !== undefined && contains(range, address);
  });
}

/** Of IANA's special-purpose registries; the last one is the metadata service of a large cloud. */
const localRanges = [
  "0.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/3",
  "::/127",
  "fe80::/10",
  "ff00::/8",
  "fd00:ec2::254/128",
];

function ipv4Number(text: string): bigint {
  return text.split(".").reduce((sum, part) => sum << 8n | BigInt(part), 0n);
}

function ipv6Number(text: string): bigint {
  // A URL's host has groups of digits only, also where an IPv4 address was.
  const { hostname } = new URL(`http://[${text}]`);
  const [head = "", tail] = hostname.slice(1, -1).split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array(8 - before.length - after.length).fill("0");
  return [...before, ...zeros, ...after]
    .reduce((sum, group) => sum << 16n | BigInt(`0x${group}`), 0n);
}

import {
  contains,
  type IpRange,
  isLocalAddress,
  parseCidr,
  parseIp,
} from "./ip_address.ts";

/** What a guest speaks to a server: requests of HTTP, or a socket of its own. */
export type EgressScheme = "http" | "https" | "tcp" | "udp";

/** The annotation of a pod that says which servers its guests may reach; none without it. */
export const allowedHostsAnnotation = "farlet.dev/allowed-hosts";

/** The entries of the annotation: separated by commas, spaces or line ends. */
export function allowedHostsOf(
  annotations: Readonly<Record<string, string>>,
): readonly string[] {
  const text = annotations[allowedHostsAnnotation] ?? "";
  return text.split(/[\s,]+/).filter((entry) => entry !== "");
}

/**
 * Reads entries of the form `[scheme://]host[:port][/]`, in the grammar of wasmCloud's
 * `allowedHosts`, where the host may also be a CIDR: `*`, `name`, `*.suffix`, `10.0.0.0/8`,
 * `[fd00::1]`. No port means any, no scheme means any. Throws a TypeError that names the entry.
 */
export function parseAllowedHosts(entries: readonly string[]): EgressPolicy {
  return new EgressPolicy(entries.map(parseEntry));
}

/** Which servers a guest may reach: what no entry allows is forbidden. */
export class EgressPolicy {
  readonly #entries: readonly Entry[];

  constructor(entries: readonly Entry[]) {
    this.#entries = entries;
  }

  /** Whether anything is allowed at all. */
  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Whether a name may be looked up: some entry allows it, whatever its port and scheme. */
  allowsName(name: string): boolean {
    const host = canonicalName(name);
    return this.#entries.some((entry) => allowsName(entry.host, host));
  }

  /** Whether an entry other than `*` allows the name. */
  namesHost(name: string): boolean {
    const host = canonicalName(name);
    return this.#entries.some((entry) =>
      entry.host.kind !== "any" && allowsName(entry.host, host)
    );
  }

  /** Whether an entry for an address, or a range of them, has this one, at whatever port. */
  namesAddress(ip: string): boolean {
    const address = parseIp(ip);
    return address !== undefined &&
      this.#entries.some(({ host }) =>
        host.kind === "range" && contains(host.range, address)
      );
  }

  /** Whether a server may be reached that was named so; the name may also be an IP address. */
  allowsHost(host: string, port: number, scheme: EgressScheme): boolean {
    const bare = host.replace(/^\[(.*)\]$/, "$1");
    if (parseIp(bare) !== undefined) {
      return this.allowsAddress(bare, port, scheme);
    }
    const name = canonicalName(host);
    return this.#entries.some((entry) =>
      allowsName(entry.host, name) && fits(entry, port, scheme)
    );
  }

  /** Whether an address may be reached that nobody gave a name. */
  allowsAddress(ip: string, port: number, scheme: EgressScheme): boolean {
    const address = parseIp(ip);
    return address !== undefined &&
      this.#entries.some((entry) =>
        allowsAddress(entry.host, address) && fits(entry, port, scheme)
      );
  }
}

/** One entry that was read. */
export interface Entry {
  readonly host: Host;
  readonly port?: number;
  readonly scheme?: EgressScheme;
}

type Host =
  | { readonly kind: "any" }
  | { readonly kind: "name"; readonly name: string }
  | {
    readonly kind: "suffix";
    /** With its leading dot. */
    readonly suffix: string;
  }
  | { readonly kind: "range"; readonly range: IpRange };

function parseEntry(entry: string): Entry {
  const [, scheme, rest = ""] = /^(?:([^/]*):\/\/)?(.*)$/.exec(entry) ?? [];
  if (scheme !== undefined && !isScheme(scheme.toLowerCase())) {
    throw invalid(entry, `its scheme is none of ${schemes.join(", ")}`);
  }
  const { host, port, path = "" } = split(rest);
  if (path !== "" && path !== "/") {
    throw invalid(entry, "it allows hosts, which have no path");
  }
  const known = parseHost(entry, host);
  const lower = scheme?.toLowerCase();
  return {
    host: known,
    ...(port === undefined ? {} : { port: portNumber(entry, port) }),
    ...(lower !== undefined && isScheme(lower) ? { scheme: lower } : {}),
  };
}

/** Parts of an entry without its scheme; the host of an IPv6 address is without brackets. */
interface HostPort {
  readonly host: string;
  readonly port?: string | undefined;
  readonly path?: string | undefined;
}

function split(text: string): HostPort {
  const bracketed = /^\[([^\]]*)\](\/\d+)?(?::([^/]*))?(\/.*)?$/.exec(text);
  if (bracketed?.[1]?.includes(":")) {
    const [, host = "", prefix = "", port, path] = bracketed;
    return { host: `${host}${prefix}`, port, path };
  }
  // With two colons it can only be an IPv6 address, which then has no port.
  if (/^[\da-f:.]*:[\da-f:.]*:[\da-f:.]*(\/\d+)?$/i.test(text)) {
    return { host: text };
  }
  const [, host = "", port, path] =
    /^([^:/]*(?:(?<=^[\d.]+)\/\d+)?)(?::([^/]*))?(\/.*)?$/.exec(text) ?? [];
  return { host, port, path };
}

function parseHost(entry: string, text: string): Host {
  if (text === "") throw invalid(entry, "it names no host");
  if (text === "*") return { kind: "any" };
  const range = parseIp(text) ?? parseCidr(text);
  if (range !== undefined) return { kind: "range", range };
  if (text.includes("/") || /^[\d.]+$/.test(text) || text.includes(":")) {
    throw invalid(entry, "it is neither an IP address nor a CIDR");
  }
  const name = canonicalName(text);
  if (name.startsWith("*")) {
    if (!name.startsWith("*.")) {
      throw invalid(entry, "a wildcard is `*` alone or stands before a dot");
    }
    checkName(entry, name.slice(2));
    return { kind: "suffix", suffix: name.slice(1) };
  }
  checkName(entry, name);
  return { kind: "name", name };
}

function checkName(entry: string, name: string): void {
  const isName = name.length <= 253 &&
    name.split(".").every((label) =>
      /^[a-z\d_]([a-z\d_-]{0,61}[a-z\d_])?$/.test(label)
    );
  if (!isName) throw invalid(entry, "it names no host");
}

function portNumber(entry: string, text: string): number {
  const port = Number(text);
  if (/^[1-9]\d{0,4}$/.test(text) && port <= 65_535) return port;
  throw invalid(entry, "its port is no number from 1 to 65535");
}

function allowsName(host: Host, name: string): boolean {
  switch (host.kind) {
    case "any":
      return true;
    case "name":
      return host.name === name;
    case "suffix":
      return name.length > host.suffix.length && name.endsWith(host.suffix);
    case "range":
      return false;
  }
}

/** `*` means all that is elsewhere: this machine's own servers must be named by address. */
function allowsAddress(host: Host, address: IpRange): boolean {
  if (host.kind === "any") return !isLocalAddress(address);
  return host.kind === "range" && contains(host.range, address);
}

function fits(entry: Entry, port: number, scheme: EgressScheme): boolean {
  return (entry.port ?? port) === port && (entry.scheme ?? scheme) === scheme;
}

/** Names are compared without regard to case and to the dot of the root. */
export function canonicalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

const schemes = ["http", "https", "tcp", "udp"] as const;

function isScheme(text: string): text is EgressScheme {
  return schemes.some((scheme) => scheme === text);
}

function invalid(entry: string, why: string): TypeError {
  return new TypeError(`Cannot allow host "${entry}": ${why}`);
}

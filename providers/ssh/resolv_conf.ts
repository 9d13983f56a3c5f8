import type { DnsSettings } from "../container_spec.ts";

/** The limits of the kubelet (and of musl and glibc): what is beyond them is left out. */
const mostServers = 3;
const mostSearches = 32;
const mostSearchCharacters = 2048;

/** The `/etc/resolv.conf` of a pod, and what had no room in it. */
export interface ResolvConf {
  readonly text: string;
  /** Sentences in the kubelet's words, of its event `DNSConfigForming`. */
  readonly warnings: readonly string[];
}

/** What a `resolv.conf` says. */
export interface ResolverSettings {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/**
 * The `/etc/resolv.conf` of a pod: its own settings, followed by those of the host that it asks
 * for. Equal entries stand there once; of two options of one name the pod's counts.
 *
 * @param hostFile The content of the host's own file.
 */
export function resolvConf(dns: DnsSettings, hostFile: string): ResolvConf {
  const host = parseResolvConf(hostFile);
  const servers = unique([
    ...dns.servers,
    ...(dns.hostServers ? host.servers : []),
  ]);
  const searches = unique([
    ...dns.searches,
    ...(dns.hostSearches ? host.searches : []),
  ]);
  // Whoever resolves as the host does has its options too.
  const options = mergeOptions(
    dns.hostServers ? host.options : [],
    dns.options,
  );
  const keptServers = servers.slice(0, mostServers);
  const keptSearches = fitting(searches);
  const lines = [
    ...(keptSearches.length > 0 ? [`search ${keptSearches.join(" ")}`] : []),
    ...keptServers.map((server) => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(" ")}`] : []),
  ];
  return {
    text: lines.map((line) => `${line}\n`).join(""),
    warnings: [
      ...(keptServers.length < servers.length
        ? [
          `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${
            keptServers.join(" ")
          }`,
        ]
        : []),
      ...(keptSearches.length < searches.length
        ? [
          `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${
            keptSearches.join(" ")
          }`,
        ]
        : []),
    ],
  };
}

/** Reads a `resolv.conf` as resolv.conf(5) has it: of several `search` lines the last one counts. */
export function parseResolvConf(text: string): ResolverSettings {
  const servers: string[] = [];
  let searches: readonly string[] = [];
  let options: readonly string[] = [];
  for (const line of text.split("\n")) {
    const [keyword = "", ...values] = line.trim().split(/[ \t]+/);
    const [first] = values;
    if (first === undefined) continue;
    switch (keyword) {
      case "nameserver":
        servers.push(first);
        break;
      case "search":
        searches = values.map(withoutEndingDot);
        break;
      case "domain":
        if (searches.length === 0) searches = [withoutEndingDot(first)];
        break;
      case "options":
        options = mergeOptions(options, values);
        break;
    }
  }
  return { servers, searches: searches.filter((s) => s !== ""), options };
}

/** `.` is the root, and is kept, as in the kubelet. */
function withoutEndingDot(domain: string): string {
  return domain === "." ? domain : domain.replace(/\.$/, "");
}

/** Later options replace those of the same name in place. */
function mergeOptions(
  first: readonly string[],
  second: readonly string[],
): readonly string[] {
  const merged = new Map<string, string>();
  for (const option of [...first, ...second]) {
    merged.set(option.split(":", 1).join(""), option);
  }
  return [...merged.values()];
}

function fitting(searches: readonly string[]): readonly string[] {
  const kept: string[] = [];
  let characters = -1;
  for (const search of searches.slice(0, mostSearches)) {
    characters += search.length + 1;
    if (characters > mostSearchCharacters) break;
    kept.push(search);
  }
  return kept;
}

function unique(list: readonly string[]): readonly string[] {
  return [...new Set(list)];
}

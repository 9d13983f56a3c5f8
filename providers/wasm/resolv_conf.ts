import type { DnsSettings } from "../container_spec.ts";
import type { NameSettings } from "./guest_spec.ts";

/** What of `/etc/resolv.conf` pods may have as well. */
export interface ResolvConf {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
}

/** Reads the text of a `resolv.conf`; see resolv.conf(5). */
export function parseResolvConf(text: string): ResolvConf {
  const lines = text.split("\n").map((line) => line.trim().split(/\s+/));
  const words = (name: string) =>
    lines.filter(([first]) => first === name).map(([_, ...rest]) => rest);
  return {
    servers: words("nameserver").flatMap(([server]) => server ?? []),
    // The last one counts.
    searches: lines.findLast(([name]) => name === "search" || name === "domain")
      ?.slice(1) ?? [],
  };
}

/** This machine's; nothing where it has no such file. */
export async function readResolvConf(): Promise<ResolvConf> {
  try {
    return parseResolvConf(await Deno.readTextFile("/etc/resolv.conf"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return { servers: [], searches: [] };
    }
    throw error;
  }
}

/** How a pod looks names up. Of the options only `ndots` has a meaning here. */
export function nameSettings(
  dns: DnsSettings,
  machine: ResolvConf,
  hosts: NameSettings["hosts"],
): NameSettings {
  const ndots = dns.options.map((option) => /^ndots:(\d+)$/.exec(option)?.[1])
    .findLast((value) => value !== undefined);
  const asMachine = dns.hostServers && dns.servers.length === 0;
  return {
    hosts,
    // The machine's own resolver knows more than its servers: without any, it is asked.
    servers: asMachine
      ? []
      : [...dns.servers, ...(dns.hostServers ? machine.servers : [])],
    searches: [
      ...dns.searches,
      // It adds these by itself.
      ...(dns.hostSearches && !asMachine ? machine.searches : []),
    ],
    // resolv.conf(5): at most 15.
    ndots: Math.min(Number(ndots ?? 1), 15),
  };
}

import type { HostAlias, SandboxSpec } from "../container_spec.ts";

/** Options for {@linkcode hostsFile}: what is not known before the sandbox is there. */
export interface HostsFileOptions {
  /** The addresses of the pod. */
  readonly ips: readonly string[];
  /** The content of the host's own file. */
  readonly hostFile: string;
}

/**
 * The `/etc/hosts` of a pod, in the kubelet's words: a pod with the host's network has the host's
 * own entries, any other one itself.
 */
export function hostsFile(
  { network, hostname, fullHostname, hostAliases }: Pick<
    SandboxSpec,
    "network" | "hostname" | "fullHostname" | "hostAliases"
  >,
  { ips, hostFile }: HostsFileOptions,
): string {
  if (network === "host") {
    return `# Kubernetes-managed hosts file (host network).\n${hostFile}${
      aliasEntries(hostAliases)
    }`;
  }
  const names = fullHostname === undefined
    ? hostname
    : `${fullHostname}\t${hostname}`;
  const own = ips.map((ip) => `${ip}\t${names}\n`).join("");
  return `${podHeader}${own}${aliasEntries(hostAliases)}`;
}

const podHeader = `# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`;

function aliasEntries(aliases: readonly HostAlias[]): string {
  if (aliases.length === 0) return "";
  const lines = aliases.map(({ ip, hostnames }) =>
    `${[ip, ...hostnames].join("\t")}\n`
  );
  return `\n# Entries added by HostAliases.\n${lines.join("")}`;
}

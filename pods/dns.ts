import type { Pod } from "../k8s/types.ts";
import type { DnsSettings } from "../providers/container_spec.ts";
import { podIdentity } from "./pod_spec.ts";

/** The DNS of the cluster, as the node's configuration knows it. */
export interface ClusterDns {
  /** The addresses of its servers; none where pods cannot be given it. */
  readonly servers: readonly string[];
  /** Such as `cluster.local`. */
  readonly domain: string;
}

/** What {@linkcode podDns} found. */
export interface PodDns {
  readonly settings: DnsSettings;
  /** Whether the pod wants the cluster's DNS and there is none: it gets the host's instead. */
  readonly isClusterDnsMissing: boolean;
}

const fromHost = { hostServers: true, hostSearches: true };
const none = { servers: [], searches: [], options: [] };

/**
 * Where a pod looks names up: `dnsPolicy` with `dnsConfig` merged into it, by the kubelet's rules
 * (`GetPodDNS`).
 */
export function podDns(pod: Pod, cluster: ClusterDns): PodDns {
  const { isClusterDnsMissing, settings } = policySettings(pod, cluster);
  const { nameservers = [], searches = [], options = [] } =
    pod.spec?.dnsConfig ?? {};
  return {
    isClusterDnsMissing,
    settings: {
      ...settings,
      servers: unique([...settings.servers, ...nameservers]),
      searches: unique([...settings.searches, ...searches]),
      options: mergedOptions(settings.options, options),
    },
  };
}

function policySettings(pod: Pod, cluster: ClusterDns): PodDns {
  const { dnsPolicy = "ClusterFirst", hostNetwork = false } = pod.spec ?? {};
  const wantsCluster = dnsPolicy === "ClusterFirstWithHostNet" ||
    (dnsPolicy === "ClusterFirst" && !hostNetwork);
  if (dnsPolicy === "None") {
    const settings = { hostServers: false, hostSearches: false, ...none };
    return { settings, isClusterDnsMissing: false };
  }
  if (!wantsCluster || cluster.servers.length === 0) {
    const settings = { ...fromHost, ...none };
    return { settings, isClusterDnsMissing: wantsCluster };
  }
  const { namespace } = podIdentity(pod);
  const { domain } = cluster;
  return {
    isClusterDnsMissing: false,
    settings: {
      hostServers: false,
      hostSearches: true,
      servers: unique(cluster.servers),
      searches: domain === ""
        ? []
        : [`${namespace}.svc.${domain}`, `svc.${domain}`, domain],
      options: ["ndots:5"],
    },
  };
}

/** Of two options with one name the later counts; `ndots:5` is named `ndots`. */
function mergedOptions(
  base: readonly string[],
  more: readonly { readonly name?: string; readonly value?: string }[],
): readonly string[] {
  const merged = new Map(base.map((option) => [nameOf(option), option]));
  for (const { name = "", value } of more) {
    merged.set(name, value ? `${name}:${value}` : name);
  }
  return [...merged.values()];
}

function nameOf(option: string): string {
  return option.split(":", 1)[0] ?? option;
}

function unique(list: readonly string[]): readonly string[] {
  return [...new Set(list)];
}

import type { Pod, Service } from "../k8s/types.ts";
import type { PortMapping, SandboxSpec } from "../providers/container_spec.ts";
import { dottedSysctl } from "../providers/sysctls.ts";
import { type ClusterDns, podDns } from "./dns.ts";
import { optional } from "./optional.ts";
import { podIdentity } from "./pod_spec.ts";
import { isApiServer } from "./service_links.ts";

/** What {@linkcode sandboxSpec} needs besides the pod. */
export interface SandboxContext {
  readonly clusterDns: ClusterDns;
  /** Services among which `kubernetes` of `default` may be. */
  readonly services: readonly Service[];
}

/** As long as a name in Linux's `uname` may be. */
const maxKernelName = 64;

/**
 * The environment that the containers of a pod share, by the kubelet's rules.
 *
 * A host name with its domain that is too long, where the pod wants both, is a RangeError with the
 * kubelet's message.
 */
export function sandboxSpec(
  pod: Pod,
  { clusterDns, services }: SandboxContext,
): SandboxSpec {
  const { metadata, spec } = pod;
  const override = hostnameOverride(pod);
  const hostname = override ?? podHostname(pod);
  const fullHostname = override === undefined
    ? podFullHostname(pod, hostname, clusterDns.domain)
    : undefined;
  return {
    ...podIdentity(pod),
    labels: metadata?.labels ?? {},
    annotations: metadata?.annotations ?? {},
    hostname: spec?.setHostnameAsFQDN && fullHostname !== undefined
      ? checkedKernelName(fullHostname)
      : hostname,
    ...optional("fullHostname", fullHostname),
    network: spec?.hostNetwork ? "host" : "pod",
    ipc: spec?.hostIPC ? "host" : "pod",
    pid: spec?.hostPID
      ? "host"
      : spec?.shareProcessNamespace
      ? "pod"
      : "container",
    dns: podDns(pod, clusterDns).settings,
    hostAliases: (spec?.hostAliases ?? []).map((
      { ip = "", hostnames = [] },
    ) => ({
      ip,
      hostnames,
    })),
    sysctls: Object.fromEntries(
      (spec?.securityContext?.sysctls ?? []).map(({ name, value }) =>
        [dottedSysctl(name), value] as const
      ),
    ),
    ports: portMappings(pod),
    ...optional("apiServer", apiServer(services)),
  };
}

/** The pod's host name: `spec.hostname` or the pod's name, cut to what a host name may have. */
function podHostname({ spec, metadata }: Pod): string {
  return cutHostname(spec?.hostname || metadata?.name || "");
}

/** `spec.hostnameOverride`: newer than the types. The pod then has no name with a domain. */
function hostnameOverride({ spec }: Pod): string | undefined {
  const { hostnameOverride } = (spec ?? {}) as {
    readonly hostnameOverride?: string;
  };
  return hostnameOverride ? cutHostname(hostnameOverride) : undefined;
}

function cutHostname(name: string): string {
  return name.length <= 63 ? name : name.slice(0, 63).replace(/[-.]+$/, "");
}

function podFullHostname(
  pod: Pod,
  hostname: string,
  domain: string,
): string | undefined {
  const { subdomain } = pod.spec ?? {};
  if (!subdomain) return undefined;
  const { namespace } = podIdentity(pod);
  return `${hostname}.${subdomain}.${namespace}.svc.${domain}`;
}

function checkedKernelName(name: string): string {
  if (name.length <= maxKernelName) return name;
  throw new RangeError(
    `failed to construct FQDN from pod hostname and cluster domain, FQDN ${name} is too long (${maxKernelName} characters is the max, ${name.length} characters requested)`,
  );
}

/** Ports of app containers that the host answers on; with the host's network it is the same port. */
function portMappings({ spec }: Pod): readonly PortMapping[] {
  const ports = (spec?.containers ?? []).flatMap(({ ports = [] }) => ports)
    .flatMap((port): readonly PortMapping[] => {
      const { containerPort, hostIP } = port;
      const hostPort = port.hostPort ||
        (spec?.hostNetwork ? containerPort : 0);
      if (hostPort === 0) return [];
      return [{
        containerPort,
        hostPort,
        ...(hostIP ? { hostIp: hostIP } : {}),
        protocol: protocolOf(port.protocol),
      }];
    });
  const byKey = new Map(
    ports.map((port) => [JSON.stringify(Object.values(port)), port]),
  );
  return [...byKey.values()];
}

function protocolOf(text: string | undefined): PortMapping["protocol"] {
  return text === "UDP" || text === "SCTP" ? text : "TCP";
}

function apiServer(services: readonly Service[]): SandboxSpec["apiServer"] {
  const service = services.find(isApiServer);
  const ip = service?.spec?.clusterIP;
  const port = service?.spec?.ports?.[0]?.port;
  if (!ip || ip === "None" || port === undefined) return undefined;
  return { ip, port };
}

import type { ContainerPort, ContainerSpec } from "../container_spec.ts";
import { formatHost } from "./ip_address.ts";
import type { GuestListener, GuestSpec } from "./guest_spec.ts";
import { machineAddresses } from "./machine_addresses.ts";
import { noNetwork, type PodNetwork } from "./pod_network.ts";

/** What a guest is told of the network. */
export type GuestNetwork = Pick<
  GuestSpec,
  "listeners" | "allowedHosts" | "names"
>;

/**
 * Where a container listens and which servers it may reach.
 *
 * @param isServer Whether it answers HTTP requests: on its first port alone, or on port 8080.
 */
export function guestNetwork(
  network: PodNetwork = noNetwork,
  { containerPorts = [] }: Pick<ContainerSpec, "containerPorts">,
  isServer: boolean,
): GuestNetwork {
  const ports = isServer
    ? [containerPorts[0] ?? { port: defaultPort }]
    : containerPorts;
  const { allowedHosts, names } = network;
  const listeners = ports.flatMap((port) => listenersOf(network, port));
  return { listeners: unique(listeners), allowedHosts, names };
}

function listenersOf(
  { ip, isHost, hostPorts }: PodNetwork,
  { port, name }: ContainerPort,
): readonly GuestListener[] {
  const named = name === undefined ? {} : { name };
  const mapped = hostPorts
    .filter(({ containerPort, protocol }) =>
      containerPort === port && protocol === "TCP"
    )
    .flatMap(({ hostPort, hostIp }) =>
      hostAddresses(hostIp).map((hostname) => ({
        hostname,
        port: hostPort,
        ...(hostPort === port ? {} : { containerPort: port }),
        ...named,
      }))
    );
  if (!isHost) {
    return [{ hostname: ip ?? "127.0.0.1", port, ...named }, ...mapped];
  }
  return mapped.length > 0
    ? mapped
    : hostAddresses(undefined).map((hostname) => ({
      hostname,
      port,
      ...named,
    }));
}

/** Not the wildcard: then no pod could have that port at its own address. */
function hostAddresses(hostIp: string | undefined): readonly string[] {
  if (hostIp === undefined || hostIp === "0.0.0.0") {
    return machineAddresses("ipv4");
  }
  return hostIp === "::" ? machineAddresses("ipv6") : [hostIp];
}

function unique(
  listeners: readonly GuestListener[],
): readonly GuestListener[] {
  const byAddress = new Map<string, GuestListener>();
  for (const listener of listeners) {
    const { hostname, port } = listener;
    const key = `${formatHost(hostname)}:${port}`;
    if (!byAddress.has(key)) byAddress.set(key, listener);
  }
  return [...byAddress.values()];
}

/** Where servers listen that name no port, as those of `wasmtime serve` do. */
const defaultPort = 8080;

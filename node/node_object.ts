import { allocatable } from "./allocatable.ts";
import { defaultTaint } from "./default_taint.ts";
import type { Node, NodeCondition, NodeStatus, Taint } from "../k8s/types.ts";
import { formatBytes, formatMillis } from "../k8s/quantity.ts";
import type { NodeFacts } from "../providers/provider.ts";
import { isLabelValue, type NodeConfig, ownLabels } from "./node_config.ts";
import { withOwnership } from "./ownership.ts";

/** The Kubernetes version whose kubelet farlet follows. */
export const kubernetesVersion = "1.37.2";

/**
 * As the kubelet's: exec, attach and port-forward by WebSocket need no translation, and the
 * resources of guaranteed pods and of init containers can be changed, those of whole pods cannot,
 * and containers may ask for a new start of all of their pod.
 */
const declaredFeatures = [
  "ExtendWebSocketsToKubelet",
  "GuaranteedQoSPodCPUResize",
  "InPlacePodVerticalScalingInitContainers",
  "RestartAllContainersOnContainerExits",
];

/** All that {@linkcode nodeObject} needs to know. */
export interface NodeDescription {
  readonly config: NodeConfig;
  /** The provider's name, such as `wasm`. */
  readonly provider: string;
  readonly facts: NodeFacts;
}

/** The Node to create, or to compare an existing one with; it says what farlet owns of it. */
export function nodeObject(
  description: NodeDescription,
  conditions: readonly NodeCondition[],
): Node {
  const { config } = description;
  const taints = nodeTaints(description);
  const { providerId } = config;
  return withOwnership({
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: config.name,
      labels: nodeLabels(description),
      annotations: { ...config.annotations },
    },
    spec: {
      ...(taints.length > 0 && { taints }),
      ...(providerId !== undefined && { providerID: providerId }),
    },
    status: nodeStatus(description, conditions),
  });
}

/** The part of the Node's status that farlet writes. */
export function nodeStatus(
  { config, facts }: NodeDescription,
  conditions: readonly NodeCondition[],
): NodeStatus {
  const resources = nodeResources(facts);
  return {
    addresses: nodeAddresses(config),
    capacity: resources,
    allocatable: allocatable(resources, config.reserved ?? []),
    conditions: [...conditions],
    declaredFeatures,
    daemonEndpoints: { kubeletEndpoint: { Port: config.kubeletPort } },
    nodeInfo: {
      architecture: facts.arch,
      bootID: facts.bootId,
      containerRuntimeVersion: facts.runtimeVersion,
      kernelVersion: facts.kernelVersion,
      kubeProxyVersion: "",
      kubeletVersion: `v${kubernetesVersion}-farlet-${config.version}`,
      machineID: facts.machineId,
      operatingSystem: facts.os,
      osImage: facts.osImage,
      systemUUID: facts.machineId,
    },
  };
}

/** What a node has, as `status.capacity` says it. */
export function nodeResources(
  { cpuMillis, memoryBytes, ephemeralStorageBytes, pods }: NodeFacts,
): Record<string, string> {
  return {
    cpu: formatMillis(Math.floor(cpuMillis)),
    memory: formatBytes(wholeKibibytes(memoryBytes)),
    "ephemeral-storage": formatBytes(wholeKibibytes(ephemeralStorageBytes)),
    pods: `${Math.floor(pods)}`,
  };
}

/** The configured taints, or the one that keeps ordinary pods away from the node. */
function nodeTaints({ config, provider }: NodeDescription): Taint[] {
  return [
    ...config.taints ?? [defaultTaint(provider)],
  ];
}

function nodeLabels(
  { config, facts }: NodeDescription,
): Record<string, string> {
  return {
    ...(isLabelValue(facts.instanceType) && facts.instanceType !== "" &&
      { [ownLabels.instanceType]: facts.instanceType }),
    ...config.labels,
    [ownLabels.type]: "virtual-kubelet",
    [ownLabels.os]: facts.os,
    [ownLabels.arch]: facts.arch,
    ...facts.labels,
    // The Node's name, not the machine's, which several nodes may share: the scheduler spreads
    // pods over the values of this label.
    [ownLabels.hostname]: config.name.slice(0, 63).replace(/[-.]+$/, ""),
  };
}

function nodeAddresses({ addresses, hostname }: NodeConfig) {
  const internal = addresses.map((address) => ({
    type: "InternalIP",
    address,
  }));
  if (hostname === undefined) return internal;
  return [...internal, { type: "Hostname", address: hostname }];
}

/** As the kubelet says it; the rest of a byte count is no use to the scheduler. */
function wholeKibibytes(bytes: number): number {
  return Math.floor(bytes / 1024) * 1024;
}

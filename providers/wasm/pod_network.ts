import type { PortMapping } from "../container_spec.ts";
import type { NameSettings } from "./guest_spec.ts";

/** What a pod has of the network: recorded with it, for the agent after this one. */
export interface PodNetwork {
  /** The pod's own address; absent where it has those of the node. */
  readonly ip?: string;
  /** Whether the pod asked for the node's addresses: its ports are the node's then. */
  readonly isHost: boolean;
  /** Whether the pod has ended: it still tells of its address, which others may get. */
  readonly isOver: boolean;
  readonly hostPorts: readonly PortMapping[];
  /** Entries of the annotation `farlet.dev/allowed-hosts`. */
  readonly allowedHosts: readonly string[];
  readonly names: NameSettings;
}

/** Of a pod that an agent made which knew of no networks. */
export const noNetwork: PodNetwork = {
  isHost: false,
  isOver: false,
  hostPorts: [],
  allowedHosts: [],
  names: { hosts: [], servers: [], searches: [], ndots: 1 },
};

/**
 * The Kubernetes types that farlet reads and writes: JSON as it is on the wire (times are
 * strings). `kubernetes-types` has no code; fields newer than it are added here.
 */
import type {
  ConfigMap,
  Container,
  ContainerState,
  ContainerStatus,
  EnvVar,
  Event,
  Node,
  NodeCondition,
  NodeStatus as KnownNodeStatus,
  ObjectReference,
  Pod,
  PodCondition,
  PodSpec,
  PodStatus as KnownPodStatus,
  ResourceRequirements,
  Secret,
  Service,
  Taint,
  Volume,
} from "kubernetes-types/core/v1";
import type { Lease } from "kubernetes-types/coordination/v1";
import type { ObjectMeta, Status } from "kubernetes-types/meta/v1";

export type {
  ConfigMap,
  Container,
  ContainerState,
  ContainerStatus,
  EnvVar,
  Event,
  Lease,
  Node,
  NodeCondition,
  ObjectMeta,
  ObjectReference,
  Pod,
  PodCondition,
  PodSpec,
  Secret,
  Service,
  Status,
  Taint,
  Volume,
};

/** What a node tells of itself. */
export interface NodeStatus extends KnownNodeStatus {
  /** What its kubelet can do, sorted; API servers before 1.35 drop it. */
  declaredFeatures?: readonly string[];
}

/** How a pod is. */
export interface PodStatus extends KnownPodStatus {
  /** What the pod as a whole was granted, and what it has (KEP-2837). */
  allocatedResources?: Readonly<Record<string, string>>;
  resources?: ResourceRequirements;
  /** `metadata.generation` of the pod that this is said of. */
  observedGeneration?: number;
}

/** What every object of the API has. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: ObjectMeta;
}

/** Names an object for people: `default/web`. */
export function objectName({ metadata }: KubernetesObject): string {
  const { namespace, name } = metadata ?? {};
  return namespace === undefined ? `${name}` : `${namespace}/${name}`;
}

import { bytes } from "../k8s/quantity.ts";
import type { Pod, PodStatus, Taint } from "../k8s/types.ts";
import { apiTime } from "../k8s/time.ts";
import { allowedSysctl, dottedSysctl } from "../providers/sysctls.ts";
import { optional } from "./optional.ts";
import { isCriticalPod } from "./critical_pod.ts";
import { matchesNode } from "./node_affinity.ts";
import { amountOf, type Amounts, podRequests } from "./pod_resources.ts";
import { tolerates } from "./tolerations.ts";

/** Why a node does not take a pod, in the kubelet's words. */
export interface Rejection {
  /** Such as `OutOfcpu`. */
  readonly reason: string;
  readonly message: string;
  /** Given if this is the only reason: with more of these the node would take the pod. */
  readonly shortages?: readonly Shortage[];
}

/** A resource that a node has not enough of for a pod, in thousandths of a core or whole units. */
export interface Shortage {
  readonly resource: string;
  readonly requested: number;
  /** What the pods that it has asked for. */
  readonly used: number;
  readonly capacity: number;
}

/** A check of pods that one part of the agent makes before the node takes them. */
export type AdmissionCheck = (pod: Pod) => Rejection | undefined;

/** What of a node decides which pods it takes; what is not given is not looked at. */
export interface AdmittingNode {
  readonly name?: string;
  /** As `status.allocatable` of the Node; a resource that is not in it is not counted. */
  readonly allocatable: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly Taint[];
  /** Kernel parameters that pods may set though they are not safe; `*` ends a pattern. */
  readonly allowedUnsafeSysctls?: readonly string[];
}

/** A port of the host that a pod has for itself. */
export interface HostPort {
  readonly port: number;
  readonly protocol: string;
  /** `0.0.0.0` for all addresses. */
  readonly ip: string;
}

/** What the pods that a node has taken already have of it. */
export interface NodeLoad {
  readonly pods: number;
  readonly requests: Amounts;
  /** Whether another pod has the port, or one that cannot be had beside it. */
  hasPort(port: HostPort): boolean;
}

/**
 * Why the node does not take the pod beside those that it has; undefined if it does. Pure.
 *
 * As the kubelet's admission handlers, in their order (`sysctl.NewAllowlist`,
 * `lifecycle.NewPredicateAdmitHandler`): the first reason counts, but of a critical pod one that
 * is no shortage, for which others could make room.
 */
export function rejectionOf(
  pod: Pod,
  node: AdmittingNode,
  load: NodeLoad,
): Rejection | undefined {
  const basic = forbiddenSysctl(pod, node) ?? wrongSystem(pod, node) ??
    unsupportedGroups(pod);
  if (basic !== undefined) return basic;
  const shortages = shortagesOf(pod, node, load);
  const predicate = failedPredicate(pod, node, load);
  const [first] = shortages;
  if (first === undefined) return predicate;
  if (predicate === undefined) return { ...outOf(first), shortages };
  return isCriticalPod(pod) ? predicate : outOf(first);
}

/** The status of a pod that its node does not take: nothing is said of its containers. */
export function rejectedStatus(
  { reason, message }: Rejection,
  { before, now, generation }: {
    readonly before: PodStatus | undefined;
    readonly now: Date;
    /** `metadata.generation` of the pod. */
    readonly generation?: number | undefined;
  },
): PodStatus {
  return {
    ...optional("observedGeneration", generation),
    phase: "Failed",
    reason,
    message: `Pod was rejected: ${message}`,
    startTime: before?.startTime ?? apiTime(now),
  };
}

/** Whether the API says that a node has not taken the pod: it ended and had no containers. */
export function wasRejected({ status }: Pod): boolean {
  const { phase, message, containerStatuses = [] } = status ?? {};
  return phase === "Failed" && containerStatuses.length === 0 &&
    message?.startsWith("Pod was rejected: ") === true;
}

/** The ports of the host that the pod asks for. */
export function hostPorts({ spec }: Pod): readonly HostPort[] {
  const { containers = [], initContainers = [], hostNetwork } = spec ?? {};
  const together = [
    ...containers,
    ...initContainers.filter(({ restartPolicy }) => restartPolicy === "Always"),
  ];
  return together.flatMap(({ ports = [] }) => ports).flatMap((
    { hostPort = 0, containerPort, hostIP = "", protocol = "TCP" },
  ) => {
    // The API server fills it in; manifests never saw it.
    const port = hostPort || (hostNetwork === true ? containerPort : 0);
    return port > 0 ? [{ port, protocol, ip: hostIP || "0.0.0.0" }] : [];
  });
}

function forbiddenSysctl(
  { spec }: Pod,
  { allowedUnsafeSysctls = [] }: AdmittingNode,
): Rejection | undefined {
  const { hostNetwork, hostIPC, securityContext } = spec ?? {};
  for (const { name } of securityContext?.sysctls ?? []) {
    const sysctl = dottedSysctl(name);
    const why = (why: string) => ({
      reason: "SysctlForbidden",
      message: `forbidden sysctl: "${sysctl}" ${why}`,
    });
    const namespace = allowedSysctl(sysctl, allowedUnsafeSysctls);
    if (namespace === undefined) return why("not allowlisted");
    if (namespace === "ipc" && hostIPC === true) {
      return why("not allowed with host ipc enabled");
    }
    if (namespace === "net" && hostNetwork === true) {
      return why("not allowed with host net enabled");
    }
  }
  return undefined;
}

const osLabel = "kubernetes.io/os";

function wrongSystem(
  { metadata, spec }: Pod,
  { labels = {} }: AdmittingNode,
): Rejection | undefined {
  const os = labels[osLabel];
  if (os === undefined) return undefined;
  const wanted = metadata?.labels?.[osLabel];
  if (wanted !== undefined && wanted !== os) {
    return {
      reason: "PodOSSelectorNodeLabelDoesNotMatch",
      message:
        "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    };
  }
  if (spec?.os !== undefined && spec.os.name !== os) {
    return {
      reason: "PodOSNotSupported",
      message: "Failed to admit pod as the OS field doesn't match node OS",
    };
  }
  return undefined;
}

/** No engine here can do without the groups of the image; the node does not say that it could. */
function unsupportedGroups({ spec }: Pod): Rejection | undefined {
  const { supplementalGroupsPolicy } = (spec?.securityContext ?? {}) as {
    readonly supplementalGroupsPolicy?: string;
  };
  if (supplementalGroupsPolicy !== "Strict") return undefined;
  return {
    reason: "SupplementalGroupsPolicyNotSupported",
    message: "SupplementalGroupsPolicy=Strict is not supported in this node",
  };
}

function shortagesOf(
  pod: Pod,
  { allocatable }: AdmittingNode,
  { pods, requests: used }: NodeLoad,
): readonly Shortage[] {
  const shortages: Shortage[] = [];
  const add = (shortage: Shortage) => {
    const { requested, used, capacity } = shortage;
    if (used + requested > capacity) shortages.push(shortage);
  };
  const most = allocatable["pods"];
  if (most !== undefined) {
    add({ resource: "pods", requested: 1, used: pods, capacity: bytes(most) });
  }
  const requests = podRequests(pod);
  const names = ["cpu", "memory", "ephemeral-storage"];
  const others = [...requests.keys()].filter((name) => !names.includes(name));
  for (const name of [...names, ...others.toSorted()]) {
    const requested = requests.get(name) ?? 0;
    const quantity = allocatable[name] ?? absentAmount(name, allocatable);
    if (requested === 0 || quantity === undefined) continue;
    add({
      resource: name,
      requested,
      used: used.get(name) ?? 0,
      capacity: amountOf(name, quantity),
    });
  }
  return shortages;
}

/**
 * What a node has of a resource that it does not tell of: no huge pages, and as much as anybody
 * wants of those that a cluster may have without its nodes.
 */
function absentAmount(
  name: string,
  allocatable: AdmittingNode["allocatable"],
): string | undefined {
  const isKnown = Object.keys(allocatable).length > 0;
  return isKnown && name.startsWith("hugepages-") ? "0" : undefined;
}

function outOf(
  { resource, requested, used, capacity }: Shortage,
): Rejection {
  return {
    reason: `OutOf${resource}`,
    message:
      `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
  };
}

function failedPredicate(
  pod: Pod,
  { name, labels, taints = [] }: AdmittingNode,
  load: NodeLoad,
): Rejection | undefined {
  if (
    labels !== undefined && !matchesNode(pod, { name: name ?? "", labels })
  ) {
    return predicate(
      "NodeAffinity",
      "node(s) didn't match Pod's node affinity/selector",
    );
  }
  const { nodeName = "" } = pod.spec ?? {};
  if (name !== undefined && nodeName !== "" && nodeName !== name) {
    return predicate(
      "NodeName",
      "node(s) didn't match the requested node name",
    );
  }
  if (hostPorts(pod).some((port) => load.hasPort(port))) {
    return predicate(
      "NodePorts",
      "node(s) didn't have free ports for the requested pod ports",
    );
  }
  const expels = taints.some((taint) =>
    taint.effect === "NoExecute" && !tolerates(pod, taint)
  );
  if (expels) {
    return predicate(
      "TaintToleration",
      "node(s) had taints that the pod didn't tolerate",
    );
  }
  return undefined;
}

function predicate(name: string, why: string): Rejection {
  return { reason: name, message: `Predicate ${name} failed: ${why}` };
}

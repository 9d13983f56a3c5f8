import type { Taint } from "../k8s/types.ts";
import type { Reservation } from "./allocatable.ts";

/** What an operator decides about one node. */
export interface NodeConfig {
  /** The name of the Node: a DNS subdomain. */
  readonly name: string;
  /** farlet's own version, such as `0.1.0`. */
  readonly version: string;
  /** IP addresses at which the agent serves its kubelet API; the first is the main one. */
  readonly addresses: readonly string[];
  /**
   * Published as the Hostname address; none by default.
   *
   * An API server with default settings dials Hostname before InternalIP, so set it only to a
   * name that the API server can resolve to this agent.
   */
  readonly hostname?: string;
  /** The port of the agent's kubelet API. */
  readonly kubeletPort: number;
  /** Labels beyond those that farlet sets. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Undefined for the default taint, empty for none. */
  readonly taints?: readonly Taint[];
  /** What pods do not get of it; nothing unless given. */
  readonly reserved?: readonly Reservation[];
  readonly providerId?: string;
}

/** Why a field of a {@linkcode NodeConfig} cannot be used, and what to do about it. */
export interface NodeConfigProblem {
  /** Such as `labels["kubernetes.io/os"]`. */
  readonly field: string;
  /** A sentence without the field's name. */
  readonly message: string;
}

/** Labels that farlet itself decides. */
export const ownLabels = {
  os: "kubernetes.io/os",
  arch: "kubernetes.io/arch",
  hostname: "kubernetes.io/hostname",
  instanceType: "node.kubernetes.io/instance-type",
  type: "type",
} as const;

/**
 * Everything in `config` that the API server would refuse or that contradicts what farlet sets.
 *
 * Labels such as `node-role.kubernetes.io/…` pass: whether they are allowed depends on the
 * credentials (a kubelet's may not set them, an administrator's may).
 */
export function nodeConfigProblems(config: NodeConfig): NodeConfigProblem[] {
  return [
    ...nameProblems(config.name),
    ...addressProblems(config),
    ...Object.entries(config.labels).flatMap(labelProblems),
    ...Object.keys(config.annotations).flatMap((key) =>
      keyProblem(key, `annotations["${key}"]`)
    ),
    ...(config.taints ?? []).flatMap(taintProblems),
    ...repeatedTaints(config.taints ?? []),
  ];
}

/** Taints with one key and effect are the same taint to Kubernetes, whatever their values. */
export function isSameTaint(a: Taint, b: Taint): boolean {
  return a.key === b.key && a.effect === b.effect;
}

function nameProblems(name: string): NodeConfigProblem[] {
  if (name.length <= 253 && subdomain.test(name)) return [];
  const message =
    `"${name}" is no valid name: use lower-case letters, digits, "-" and ".", at most 253 characters`;
  return [{ field: "name", message }];
}

function addressProblems(
  { addresses, kubeletPort }: NodeConfig,
): NodeConfigProblem[] {
  const problems = addresses.flatMap((address, index) => {
    if (isIpAddress(address)) return [];
    const message = `"${address}" is no IP address`;
    return [{ field: `addresses[${index}]`, message }];
  });
  if (Number.isInteger(kubeletPort) && kubeletPort > 0 && kubeletPort < 65536) {
    return problems;
  }
  const message = `${kubeletPort} is no port: use a number from 1 to 65535`;
  return [...problems, { field: "kubeletPort", message }];
}

function labelProblems([key, value]: [string, string]): NodeConfigProblem[] {
  const field = `labels["${key}"]`;
  const problems = keyProblem(key, field);
  if (!isLabelValue(value)) {
    problems.push({ field, message: `"${value}" is no valid label value` });
  }
  const decided: readonly string[] = Object.values(ownLabels);
  if (decided.includes(key) && key !== ownLabels.instanceType) {
    problems.push({ field, message: "is set by farlet itself: remove it" });
  }
  // https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
  const domain = key.split("/", 1)[0] ?? "";
  if (/(^|\.)node-restriction\.kubernetes\.io$/.test(domain)) {
    const message =
      "is reserved for administrators, who isolate workloads with it: set it with kubectl label";
    problems.push({ field, message });
  }
  return problems;
}

function taintProblems(taint: Taint, index: number): NodeConfigProblem[] {
  const field = `taints[${index}]`;
  const problems = keyProblem(taint.key, field);
  if (!isLabelValue(taint.value ?? "")) {
    problems.push({ field, message: `"${taint.value}" is no valid value` });
  }
  if (!effects.includes(taint.effect)) {
    const message = `"${taint.effect}" is no effect: use one of ${
      effects.join(", ")
    }`;
    problems.push({ field, message });
  }
  return problems;
}

function repeatedTaints(taints: readonly Taint[]): NodeConfigProblem[] {
  return taints.flatMap((taint, index) => {
    const first = taints.findIndex((other) => isSameTaint(taint, other));
    if (first === index) return [];
    const message = `has the key and effect of taints[${first}]: keep one`;
    return [{ field: `taints[${index}]`, message }];
  });
}

function keyProblem(key: string, field: string): NodeConfigProblem[] {
  const parts = key.split("/");
  const name = parts.at(-1) ?? "";
  const prefix = parts.length === 2 ? parts[0] ?? "" : undefined;
  const valid = parts.length <= 2 && name !== "" && isLabelValue(name) &&
    (prefix === undefined || (prefix.length <= 253 && subdomain.test(prefix)));
  return valid ? [] : [{ field, message: `"${key}" is no valid key` }];
}

/** Whether Kubernetes takes `value` as the value of a label or a taint. */
export function isLabelValue(value: string): boolean {
  return value === "" || (value.length <= 63 && qualified.test(value));
}

function isIpAddress(text: string): boolean {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    return text.split(".").every((part) => Number(part) <= 255);
  }
  return text.includes(":") && URL.canParse(`http://[${text}]/`);
}

const effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
const subdomain =
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const qualified = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

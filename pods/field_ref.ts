import { bytes, cpuMillis } from "../k8s/quantity.ts";
import type { Container, Pod } from "../k8s/types.ts";
import type { AdmittingNode } from "./admission.ts";
import { podLevelResources } from "./pod_resources.ts";

/** The node as the pods on it see it. */
export interface NodeView extends AdmittingNode {
  readonly ips: readonly string[];
}

/** What a pod can learn about itself beside what its object says. */
export interface DownwardView {
  readonly node: NodeView;
  /** The pod's addresses, or the node's where it shares them; the first is `status.podIP`. */
  readonly ips: readonly string[];
}

/** As `resourceFieldRef` in the API. */
export interface ResourceSelector {
  readonly containerName?: string;
  /** Such as `limits.cpu` or `requests.hugepages-2Mi`. */
  readonly resource: string;
  /** The unit of the answer; one core or one byte unless said. */
  readonly divisor?: string;
}

/**
 * The value of a `fieldRef`: a field of the pod as text.
 *
 * Absent labels and annotations are empty, as are addresses that are not known yet. A path that
 * the downward API does not have is a `RangeError` with the kubelet's message.
 */
export function fieldValue(
  pod: Pod,
  fieldPath: string,
  { node, ips }: DownwardView,
): string {
  const { path, key } = splitSubscript(fieldPath);
  if (key !== undefined) return mapOf(pod, path).get(key) ?? "";
  switch (fieldPath) {
    case "metadata.name":
      return pod.metadata?.name ?? "";
    case "metadata.namespace":
      return pod.metadata?.namespace ?? "";
    case "metadata.uid":
      return pod.metadata?.uid ?? "";
    case "metadata.labels":
    case "metadata.annotations":
      return formatMap(mapOf(pod, fieldPath));
    case "spec.nodeName":
    case "spec.host": // The oldest name of the field; the API still converts it.
      return pod.spec?.nodeName ?? "";
    case "spec.serviceAccountName":
      return pod.spec?.serviceAccountName ?? "";
    case "status.podIP":
      return ips[0] ?? "";
    case "status.podIPs":
      return ips.join(",");
    case "status.hostIP":
      return node.ips[0] ?? "";
    case "status.hostIPs":
      return node.ips.join(",");
    default:
      throw new RangeError(`unsupported fieldPath: ${fieldPath}`);
  }
}

/**
 * The value of a `resourceFieldRef`, rounded up to whole divisors.
 *
 * A limit that is not set is that of the pod as a whole, else the node's allocatable amount; a
 * request that is not set is the container's own limit, else 0. `own` is the container that asks, for a selector that names none.
 * Unknown containers and resources are a `RangeError` with the kubelet's message.
 */
export function resourceValue(
  pod: Pod,
  selector: ResourceSelector,
  { own, node }: { readonly own?: Container; readonly node: NodeView },
): string {
  const { containerName, resource } = selector;
  const container = containerName ? findContainer(pod, containerName) : own;
  if (container === undefined) {
    throw new RangeError(`container ${containerName ?? ""} not found`);
  }
  const [kind, name] = splitResource(resource);
  const amount = measure(name);
  const limit = container.resources?.limits?.[name];
  const limited = limit !== undefined && amount(limit) !== 0;
  // The API server sets an absent request to the limit; a manifest that never saw it has neither.
  const set = kind === "requests"
    ? container.resources?.requests?.[name] ?? limit
    : limited || isHugePages(name)
    ? limit
    : defaultLimit(pod, name, node);
  const divisor = amount(selector.divisor ?? "1") || amount("1");
  return String(Math.ceil(amount(set ?? "0") / divisor));
}

/** What a container without a limit may use; as the kubelet, nothing that the node does not have. */
function defaultLimit(
  pod: Pod,
  name: string,
  { allocatable }: Pick<NodeView, "allocatable">,
): string | undefined {
  const ofPod = podLevelResources(pod)?.limits?.[name] ?? "0";
  const ofNode = allocatable[name];
  const isLimited = name !== "ephemeral-storage" && measure(name)(ofPod) !== 0;
  return ofNode !== undefined && isLimited ? ofPod : ofNode;
}

/** Labels or annotations as a file of the downward API has them: sorted lines `key="value"`. */
export function formatMap(map: ReadonlyMap<string, string>): string {
  return [...map]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${quote(value)}`)
    .join("\n");
}

/** `metadata.labels['a']` → the path before the bracket and the key, if there is one. */
function splitSubscript(
  fieldPath: string,
): { readonly path: string; readonly key?: string } {
  const start = fieldPath.indexOf("['");
  if (start < 1 || !fieldPath.endsWith("']")) return { path: fieldPath };
  const path = fieldPath.slice(0, start);
  return { path, key: fieldPath.slice(start + 2, -2) };
}

function mapOf(pod: Pod, path: string): ReadonlyMap<string, string> {
  if (path === "metadata.labels") {
    return new Map(Object.entries(pod.metadata?.labels ?? {}));
  }
  if (path === "metadata.annotations") {
    return new Map(Object.entries(pod.metadata?.annotations ?? {}));
  }
  throw new RangeError(`fieldPath ${quote(path)} does not support subscript`);
}

function findContainer(pod: Pod, name: string): Container | undefined {
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  return [...containers, ...initContainers].find((c) => c.name === name);
}

function splitResource(
  resource: string,
): readonly ["limits" | "requests", string] {
  const dot = resource.indexOf(".");
  const kind = resource.slice(0, dot);
  const name = resource.slice(dot + 1);
  const known = ["cpu", "memory", "ephemeral-storage"].includes(name) ||
    isHugePages(name);
  if (known && (kind === "limits" || kind === "requests")) return [kind, name];
  throw new RangeError(`unsupported container resource : ${resource}`);
}

function isHugePages(name: string): boolean {
  return name.startsWith("hugepages-");
}

/** How the kubelet counts a resource before it divides: CPU by thousandths, all else by ones. */
function measure(name: string): (quantity: string) => number {
  return name === "cpu" ? cpuMillis : bytes;
}

/** The text as Go's `%q` writes it, which is what a file of the downward API holds. */
function quote(text: string): string {
  return `"${Array.from(text, quoteCharacter).join("")}"`;
}

function quoteCharacter(character: string): string {
  const named = '\x07\b\f\n\r\t\v\\"'.indexOf(character);
  if (named !== -1) return "\\" + 'abfnrtv\\"'.charAt(named);
  if (/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code < 0x20 || code === 0x7f) return "\\x" + hex.padStart(2, "0");
  // Half of a surrogate pair is no character; UTF-8 has none.
  if (code >= 0xd800 && code <= 0xdfff) return "\ufffd";
  return code > 0xffff
    ? "\\U" + hex.padStart(8, "0")
    : "\\u" + hex.padStart(4, "0");
}

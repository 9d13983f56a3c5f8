/**
 * What farlet has set on a Node is remembered on the Node itself, so that it can be changed or
 * taken back later without touching what others have set.
 */
import type { Node, Taint } from "../k8s/types.ts";
import { isSameTaint } from "./node_config.ts";

/** Annotations that list farlet's labels, annotations and taints on a Node. */
export const ownershipAnnotations = {
  labels: "farlet.dev/owned-labels",
  annotations: "farlet.dev/owned-annotations",
  taints: "farlet.dev/owned-taints",
} as const;

/** A copy of `node` that says that all its labels, annotations and taints are farlet's. */
export function withOwnership(node: Node): Node {
  const { labels = {}, annotations = {} } = node.metadata ?? {};
  return {
    ...node,
    metadata: {
      ...node.metadata,
      annotations: {
        ...annotations,
        [ownershipAnnotations.labels]: formatLabels(labels),
        [ownershipAnnotations.annotations]: Object.keys(annotations).join(","),
        [ownershipAnnotations.taints]: formatTaints(node.spec?.taints ?? []),
      },
    },
  };
}

/** Whether farlet created this Node, or has adopted it before. */
export function isOwned(node: Node): boolean {
  const { annotations = {} } = node.metadata ?? {};
  return annotations[ownershipAnnotations.labels] !== undefined;
}

/** A strategic merge patch; a null removes a key. */
export interface NodeMetadataPatch {
  readonly metadata: {
    readonly labels?: Readonly<Record<string, string | null>>;
    readonly annotations?: Readonly<Record<string, string | null>>;
  };
  readonly spec?: { readonly providerID: string };
}

/**
 * Turns the labels and annotations of `current` into those of `wanted`, keeping what others set.
 *
 * A label that farlet set before and does not want any more is removed, unless someone has given
 * it another value since.
 */
export function metadataPatch(
  current: Node,
  wanted: Node,
): NodeMetadataPatch | undefined {
  const { labels = {}, annotations = {} } = current.metadata ?? {};
  const ownedLabels = parseLabels(annotations[ownershipAnnotations.labels]);
  const unwantedLabels = Object.entries(ownedLabels)
    .filter(([key, value]) => labels[key] === value).map(([key]) => key);
  const changedLabels = mapChanges(
    labels,
    wanted.metadata?.labels ?? {},
    unwantedLabels,
  );
  // The list of taints is written together with the taints.
  const { [ownershipAnnotations.taints]: _, ...wantedAnnotations } =
    wanted.metadata?.annotations ?? {};
  const changedAnnotations = mapChanges(
    annotations,
    wantedAnnotations,
    splitList(annotations[ownershipAnnotations.annotations]),
  );
  const { providerID } = wanted.spec ?? {};
  // The API server refuses to change a provider ID.
  const setProvider = providerID !== undefined &&
    current.spec?.providerID === undefined;
  if (!changedLabels && !changedAnnotations && !setProvider) return undefined;
  return {
    metadata: {
      ...(changedLabels && { labels: changedLabels }),
      ...(changedAnnotations && { annotations: changedAnnotations }),
    },
    ...(setProvider && { spec: { providerID } }),
  };
}

/** A strategic merge patch that fails if someone else changed the Node meanwhile. */
export interface NodeTaintsPatch {
  readonly metadata: {
    readonly resourceVersion?: string;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly taints: readonly Taint[] };
}

/** Turns farlet's taints on `current` into those of `wanted`, keeping what others set. */
export function taintsPatch(
  current: Node,
  wanted: Node,
): NodeTaintsPatch | undefined {
  const { annotations = {}, resourceVersion } = current.metadata ?? {};
  const key = ownershipAnnotations.taints;
  const owned = parseTaints(annotations[key]);
  const wantedTaints = wanted.spec?.taints ?? [];
  const before = current.spec?.taints ?? [];
  const others = before.filter((taint) =>
    !wantedTaints.some((ours) => isSameTaint(ours, taint)) &&
    !owned.some((ours) => formatTaint(ours) === formatTaint(taint))
  );
  const after = [...wantedTaints, ...others];
  const list = formatTaints(wantedTaints);
  if (sameTaints(before, after) && annotations[key] === list) return undefined;
  return {
    metadata: {
      ...(resourceVersion !== undefined && { resourceVersion }),
      annotations: { [key]: list },
    },
    spec: { taints: after },
  };
}

function mapChanges(
  current: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
  unwanted: readonly string[],
): Record<string, string | null> | undefined {
  const changes: Record<string, string | null> = {};
  for (const key of unwanted) {
    if (current[key] !== undefined && wanted[key] === undefined) {
      changes[key] = null;
    }
  }
  for (const [key, value] of Object.entries(wanted)) {
    if (current[key] !== value) changes[key] = value;
  }
  return Object.keys(changes).length > 0 ? changes : undefined;
}

function sameTaints(a: readonly Taint[], b: readonly Taint[]): boolean {
  return a.length === b.length &&
    a.every((taint) => b.some((x) => formatTaint(x) === formatTaint(taint)));
}

/** `key=value,…`: neither sign can be in a key or a value. */
function formatLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`)
    .sort().join(",");
}

function parseLabels(list: string | undefined): Record<string, string> {
  return Object.fromEntries(
    splitList(list).map((entry) => {
      const [key = "", value = ""] = entry.split("=");
      return [key, value];
    }),
  );
}

/** `key=value:effect,…`, as kubectl taint writes it. */
function formatTaints(taints: readonly Taint[]): string {
  return taints.map(formatTaint).sort().join(",");
}

function formatTaint({ key, value = "", effect }: Taint): string {
  return `${key}=${value}:${effect}`;
}

function parseTaints(list: string | undefined): Taint[] {
  return splitList(list).map((entry) => {
    const [rest = "", effect = ""] = entry.split(":");
    const [key = "", value = ""] = rest.split("=");
    return { key, value, effect };
  });
}

function splitList(list: string | undefined): string[] {
  return list === undefined || list === "" ? [] : list.split(",");
}

import type { Node } from "../k8s/types.ts";
import { age } from "./human_time.ts";
import type { TableKind } from "./table.ts";

/** The columns of `kubectl get nodes`. */
export const nodeTable: TableKind<Node> = {
  headers: ["NAME", "STATUS", "ROLES", "AGE", "VERSION"],
  row(node, now) {
    return [
      node.metadata?.name ?? "",
      nodeStatus(node),
      nodeRoles(node),
      age(node.metadata?.creationTimestamp, now),
      node.status?.nodeInfo?.kubeletVersion ?? "",
    ];
  },
};

/** The columns of `kubectl get nodes -o wide`. */
export const wideNodeTable: TableKind<Node> = {
  headers: [
    ...nodeTable.headers,
    "INTERNAL-IP",
    "EXTERNAL-IP",
    "OS-IMAGE",
    "KERNEL-VERSION",
    "CONTAINER-RUNTIME",
  ],
  row(node, now) {
    const { osImage, kernelVersion, containerRuntimeVersion, architecture } =
      node.status?.nodeInfo ?? {};
    const kernel = kernelVersion || "<unknown>";
    return [
      ...nodeTable.row(node, now),
      address(node, "InternalIP"),
      address(node, "ExternalIP"),
      osImage || "<unknown>",
      architecture ? `${kernel} (${architecture})` : kernel,
      containerRuntimeVersion || "<unknown>",
    ];
  },
};

/** The roles that its labels give a node: `control-plane,worker` or `<none>`. */
export function nodeRoles({ metadata }: Node): string {
  const prefix = "node-role.kubernetes.io/";
  const roles = Object.entries(metadata?.labels ?? {}).flatMap(
    ([key, value]) => {
      if (key.startsWith(prefix)) return [key.slice(prefix.length)];
      return key === "kubernetes.io/role" ? [value] : [];
    },
  ).filter((role) => role !== "");
  return [...new Set(roles)].toSorted().join(",") || "<none>";
}

function nodeStatus({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const words = [
    ready === undefined
      ? "Unknown"
      : ready.status === "True"
      ? "Ready"
      : "NotReady",
    ...(spec?.unschedulable ? ["SchedulingDisabled"] : []),
  ];
  return words.join(",");
}

function address({ status }: Node, kind: string): string {
  return status?.addresses?.find(({ type }) => type === kind)?.address ??
    "<none>";
}

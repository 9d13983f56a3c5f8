import {
  bytes,
  cpuMillis,
  formatBytes,
  formatMillis,
} from "../k8s/quantity.ts";
import { type Event, type Node, objectName, type Pod } from "../k8s/types.ts";
import {
  annotationLines,
  eventLines,
  indented,
  labelLines,
  type Lines,
  listLines,
  longTime,
  taintText,
} from "./describe_text.ts";
import { age } from "./human_time.ts";
import { nodeRoles } from "./node_table.ts";
import { alignTabs } from "./tab_writer.ts";

/** A node with its pods in the words and the layout of `kubectl describe node`. */
export function describeNode(
  node: Node,
  { pods, events, now }: {
    readonly pods: readonly Pod[];
    readonly events: readonly Event[];
    readonly now: Date;
  },
): string {
  const { metadata, spec, status } = node;
  const running = pods.filter(({ status }) =>
    status?.phase !== "Succeeded" && status?.phase !== "Failed"
  ).toSorted((a, b) => objectName(a) < objectName(b) ? -1 : 1);
  const lines = [
    `Name:\t${metadata?.name}`,
    `Roles:\t${nodeRoles(node)}`,
    ...labelLines("Labels", metadata?.labels),
    ...annotationLines(metadata?.annotations),
    `CreationTimestamp:\t${longTime(metadata?.creationTimestamp)}`,
    ...listLines("Taints", (spec?.taints ?? []).map(taintText).toSorted()),
    `Unschedulable:\t${spec?.unschedulable ?? false}`,
    ...conditionLines(node),
    "Addresses:",
    ...(status?.addresses ?? []).map(({ type, address }) =>
      `  ${type}:\t${address}`
    ),
    ...resourceLines("Capacity", status?.capacity),
    ...resourceLines("Allocatable", status?.allocatable),
    ...systemLines(node),
    ...(spec?.podCIDR ? [`PodCIDR:\t${spec.podCIDR}`] : []),
    ...(spec?.podCIDRs ? [`PodCIDRs:\t${spec.podCIDRs.join(",")}`] : []),
    ...(spec?.providerID ? [`ProviderID:\t${spec.providerID}`] : []),
    ...podLines(running, node, now),
    ...allocatedLines(running, node),
    ...eventLines(events, now),
  ];
  return alignTabs(`${lines.join("\n")}\n`);
}

function conditionLines({ status }: Node): Lines {
  const conditions = status?.conditions ?? [];
  if (conditions.length === 0) return [];
  const heads = [
    "Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage",
    "----\t------\t-----------------\t------------------\t------\t-------",
  ];
  const rows = conditions.map((condition) =>
    [
      condition.type,
      condition.status,
      longTime(condition.lastHeartbeatTime),
      longTime(condition.lastTransitionTime),
      condition.reason ?? "",
      condition.message ?? "",
    ].join(" \t")
  );
  return ["Conditions:", ...indented([...heads, ...rows])];
}

function resourceLines(
  title: string,
  values: Readonly<Record<string, string>> = {},
): Lines {
  const lines = Object.entries(values).toSorted().map(([name, value]) =>
    `${name}:\t${value}`
  );
  return [`${title}:`, ...indented(lines)];
}

function systemLines({ status }: Node): Lines {
  const info = status?.nodeInfo;
  const lines = [
    `Machine ID:\t${info?.machineID ?? ""}`,
    `System UUID:\t${info?.systemUUID ?? ""}`,
    `Boot ID:\t${info?.bootID ?? ""}`,
    `Kernel Version:\t${info?.kernelVersion ?? ""}`,
    `OS Image:\t${info?.osImage ?? ""}`,
    `Operating System:\t${info?.operatingSystem ?? ""}`,
    `Architecture:\t${info?.architecture ?? ""}`,
    `Container Runtime Version:\t${info?.containerRuntimeVersion ?? ""}`,
    `Kubelet Version:\t${info?.kubeletVersion ?? ""}`,
    ...(info?.kubeProxyVersion
      ? [`Kube-Proxy Version:\t${info.kubeProxyVersion}`]
      : []),
  ];
  return ["System Info:", ...indented(lines)];
}

function podLines(pods: readonly Pod[], node: Node, now: Date): Lines {
  const heads = [
    "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge",
    "---------\t----\t\t------------\t----------\t---------------\t-------------\t---",
  ];
  const rows = pods.map((pod) => {
    const { namespace, name, creationTimestamp } = pod.metadata ?? {};
    const used = [
      cpu(podSum(pod, "requests", "cpu"), node),
      cpu(podSum(pod, "limits", "cpu"), node),
      memory(podSum(pod, "requests", "memory"), node),
      memory(podSum(pod, "limits", "memory"), node),
    ];
    return [namespace, name, "", ...used, age(creationTimestamp, now)]
      .join("\t");
  });
  return [
    `Non-terminated Pods:\t(${pods.length} in total)`,
    ...indented([...heads, ...rows]),
  ];
}

function allocatedLines(pods: readonly Pod[], node: Node): Lines {
  const sum = (kind: ResourceKind, name: string) =>
    pods.reduce((sum, pod) => sum + podSum(pod, kind, name), 0);
  const row = (
    name: string,
    format: (amount: number, node: Node, name: string) => string,
  ) => {
    const requests = format(sum("requests", name), node, name);
    return `${name}\t${requests}\t${format(sum("limits", name), node, name)}`;
  };
  return [
    "Allocated resources:",
    "  (Total limits may be over 100 percent, i.e., overcommitted.)",
    ...indented([
      "Resource\tRequests\tLimits",
      "--------\t--------\t------",
      row("cpu", cpu),
      row("memory", memory),
      row("ephemeral-storage", memory),
    ]),
  ];
}

type ResourceKind = "requests" | "limits";

/** Thousandths of a core, or bytes: all containers, or the largest init container. */
function podSum({ spec }: Pod, kind: ResourceKind, name: string): number {
  const amounts = (containers: NonNullable<typeof spec>["containers"] = []) =>
    containers.map(({ resources }) => {
      const text = resources?.[kind]?.[name] ??
        (kind === "requests" ? resources?.limits?.[name] : undefined);
      if (text === undefined) return 0;
      return name === "cpu" ? cpuMillis(text) : bytes(text);
    });
  const running = amounts(spec?.containers).reduce((a, b) => a + b, 0);
  return Math.max(running, ...amounts(spec?.initContainers));
}

function cpu(millis: number, { status }: Node): string {
  const all = cpuMillis(status?.allocatable?.["cpu"] ?? "0");
  return `${millis === 0 ? "0" : formatMillis(millis)} ${percent(millis, all)}`;
}

function memory(amount: number, { status }: Node, name = "memory"): string {
  const all = bytes(status?.allocatable?.[name] ?? "0");
  return `${amount === 0 ? "0" : formatBytes(amount)} ${percent(amount, all)}`;
}

function percent(amount: number, all: number): string {
  return `(${all === 0 ? 0 : Math.trunc((amount / all) * 100)}%)`;
}

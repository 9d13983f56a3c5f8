import type { PodStats, Summary } from "../kubelet/stats/summary_types.ts";

/** What something uses. */
export interface Usage {
  /** Billionths of a core; undefined while it is not known. */
  readonly nanoCores: number | undefined;
  readonly bytes: number | undefined;
}

/** The rows of `kubectl top pod`: name, CPU, memory; sorted by name. */
export function podRows(
  pods: readonly PodStats[],
  { allNamespaces }: { readonly allNamespaces: boolean },
): readonly (readonly string[])[] {
  return inOrder(pods).map(({ podRef, cpu, memory }) => [
    ...(allNamespaces ? [podRef.namespace] : []),
    podRef.name,
    ...usageCells({
      nanoCores: cpu?.usageNanoCores,
      bytes: memory?.workingSetBytes,
    }),
  ]);
}

/** The rows of `kubectl top pod --containers`: pod, container, CPU, memory. */
export function containerRows(
  pods: readonly PodStats[],
  { allNamespaces }: { readonly allNamespaces: boolean },
): readonly (readonly string[])[] {
  return inOrder(pods).flatMap(({ podRef, containers }) =>
    containers.toSorted((a, b) => a.name < b.name ? -1 : 1).map((
      { name, cpu, memory },
    ) => [
      ...(allNamespaces ? [podRef.namespace] : []),
      podRef.name,
      name,
      ...usageCells({
        nanoCores: cpu.usageNanoCores,
        bytes: memory.workingSetBytes,
      }),
    ])
  );
}

/** The row of `kubectl top node`: with shares of what pods may use. */
export function nodeRow(
  { node: { nodeName, cpu, memory } }: Summary,
  allocatable: { readonly cpuMillis: number; readonly bytes: number },
): readonly string[] {
  const nanoCores = cpu?.usageNanoCores;
  const bytes = memory?.workingSetBytes;
  const [cpuCell = "", memoryCell = ""] = usageCells({ nanoCores, bytes });
  return [
    nodeName,
    cpuCell,
    share(nanoCores && nanoCores / 1e6, allocatable.cpuMillis),
    memoryCell,
    share(bytes, allocatable.bytes),
  ];
}

function usageCells({ nanoCores, bytes }: Usage): readonly string[] {
  return [
    nanoCores === undefined ? unknown : `${Math.ceil(nanoCores / 1e6)}m`,
    bytes === undefined ? unknown : `${Math.floor(bytes / 1024 ** 2)}Mi`,
  ];
}

const unknown = "<unknown>";

function share(amount: number | undefined, all: number): string {
  if (amount === undefined || all <= 0) return unknown;
  return `${Math.trunc((amount / all) * 100)}%`;
}

function inOrder(pods: readonly PodStats[]): readonly PodStats[] {
  const key = ({ podRef: { namespace, name } }: PodStats) =>
    `${namespace}/${name}`;
  return pods.toSorted((a, b) => key(a) < key(b) ? -1 : 1);
}

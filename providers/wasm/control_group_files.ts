/** A controller of control groups that this program uses. */
export type Controller = "cpu" | "memory" | "pids";

/** What the processes of a group may use; no limit where a field is absent. */
export interface GroupLimits {
  /** All that the kernel charges them for: their own memory, files in memory, buffers. */
  readonly memoryBytes?: number;
  readonly cpuMillis?: number;
  /** Their share when the CPU is short. */
  readonly cpuRequestMillis?: number;
  /** Processes and threads. */
  readonly tasks?: number;
}

/** One value for one file of a group; what a kernel does not have is left out if `optional`. */
export interface GroupValue {
  readonly controller: Controller;
  readonly file: string;
  readonly value: string;
  readonly optional?: boolean;
}

/** What to write to a new group so that it has these limits, in this order. */
export function groupValues(
  version: 1 | 2,
  { memoryBytes, tasks, ...cpu }: GroupLimits,
): readonly GroupValue[] {
  return [
    ...(memoryBytes === undefined ? [] : memoryValues(version, memoryBytes)),
    ...cpuValues(version, cpu),
    ...(tasks === undefined
      ? []
      : [{ controller: "pids", file: "pids.max", value: `${tasks}` } as const]),
  ];
}

/** The limit and the share of CPU time, also of a group that has other ones. */
export function cpuValues(
  version: 1 | 2,
  { cpuMillis, cpuRequestMillis }: GroupLimits,
): readonly GroupValue[] {
  const controller = "cpu";
  const values: GroupValue[] = [];
  if (cpuRequestMillis !== undefined) {
    const shares = sharesOf(cpuRequestMillis);
    values.push(
      version === 1
        ? { controller, file: "cpu.shares", value: `${shares}` }
        : { controller, file: "cpu.weight", value: `${weightOf(shares)}` },
    );
  }
  if (cpuMillis !== undefined) {
    const quota = Math.max(shortestQuota, cpuMillis * periodMicros / 1000);
    values.push(
      ...(version === 1
        ? [
          { controller, file: "cpu.cfs_period_us", value: `${periodMicros}` },
          { controller, file: "cpu.cfs_quota_us", value: `${quota}` },
        ] as const
        : [
          { controller, file: "cpu.max", value: `${quota} ${periodMicros}` },
        ] as const),
    );
  }
  return values;
}

function memoryValues(
  version: 1 | 2,
  bytes: number,
): readonly GroupValue[] {
  const controller = "memory";
  const value = `${bytes}`;
  return version === 1
    ? [
      { controller, file: "memory.limit_in_bytes", value },
      // No swap beyond it, where swap is counted at all.
      {
        ...{ controller, file: "memory.memsw.limit_in_bytes", value },
        optional: true,
      },
    ]
    : [
      { controller, file: "memory.max", value },
      { controller, file: "memory.swap.max", value: "0", optional: true },
      { controller, file: "memory.oom.group", value: "1", optional: true },
    ];
}

/** How often the kernel has killed for want of memory, by `memory.oom_control` or `memory.events`. */
export function oomKills(text: string): number {
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
}

/** The file for {@linkcode oomKills}. */
export function oomFile(version: 1 | 2): string {
  return version === 1 ? "memory.oom_control" : "memory.events";
}

/** The path of a process's own group for each controller, by its `/proc/PID/cgroup`. */
export function ownGroups(
  text: string,
): { readonly version: 1 | 2; path(controller: Controller): string } {
  const lines = text.trim().split("\n").map((line) => {
    const [, names = "", path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    return { names: names.split(","), path };
  });
  const find = (name: string) =>
    lines.find(({ names }) => names.includes(name))?.path;
  const version = find("memory") ?? find("cpu") ? 1 : 2;
  return {
    version,
    path: (controller) => find(version === 1 ? controller : "") ?? "/",
  };
}

/** As the kubelet's `MilliCPUToShares`. */
function sharesOf(millis: number): number {
  return Math.min(262_144, Math.max(2, Math.floor(millis * 1024 / 1000)));
}

/** As runc makes weights of shares. */
function weightOf(shares: number): number {
  return 1 + Math.floor((shares - 2) * 9999 / 262_142);
}

/** As the kubelet's `cpuCFSQuotaPeriod`. */
const periodMicros = 100_000;

/** Less than this the kernel does not take. */
const shortestQuota = 1000;

import { readText } from "./system_files.ts";

/** The memory of this machine, or of the agent's own container where that is less. */
export interface MachineMemory {
  readonly totalBytes: number;
  /** What is not used at all. */
  readonly freeBytes: number;
  /** The same with what can be reclaimed: files that are cached. */
  readonly availableBytes: number;
}

/** What the control group of a process says of its memory. */
export interface GroupMemory {
  /** Bytes, or `max`. */
  readonly limit: string;
  /** Bytes. */
  readonly usage: string;
  /** Lines such as `inactive_file 4096`. */
  readonly stat: string;
}

/** Where version 2 and version 1 of control groups have it. */
const groups: readonly GroupMemory[] = [
  {
    limit: "/sys/fs/cgroup/memory.max",
    usage: "/sys/fs/cgroup/memory.current",
    stat: "/sys/fs/cgroup/memory.stat",
  },
  {
    limit: "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    usage: "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    stat: "/sys/fs/cgroup/memory/memory.stat",
  },
];

/** The memory as it is now. */
export async function readMemory(): Promise<MachineMemory> {
  const { total, free, available } = Deno.systemMemoryInfo();
  const found = await Promise.all(groups.map(async (paths) => {
    const limit = await readText(paths.limit);
    const usage = await readText(paths.usage);
    return groupMemory({ limit, usage, stat: await readText(paths.stat) });
  }));
  const machine = {
    totalBytes: total,
    freeBytes: free,
    availableBytes: available,
  };
  return found.filter((each) => each !== undefined)
    .reduce(
      (least, each) => each.totalBytes < least.totalBytes ? each : least,
      machine,
    );
}

/** The memory within a control group; undefined where that has no limit. */
export function groupMemory(
  { limit, usage, stat }: GroupMemory,
): MachineMemory | undefined {
  if (!/^\d+$/.test(limit)) return undefined;
  const totalBytes = Number(limit);
  // Version 1 counts the groups below only in the second one.
  const cached = Math.max(
    ...[/^inactive_file (\d+)$/m, /^total_inactive_file (\d+)$/m]
      .map((line) => Number(line.exec(stat)?.[1] ?? 0)),
  );
  const freeBytes = Math.max(0, totalBytes - Number(usage));
  const availableBytes = Math.min(totalBytes, freeBytes + cached);
  return { totalBytes, freeBytes, availableBytes };
}

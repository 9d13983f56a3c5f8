import { statfs } from "node:fs/promises";
import os from "node:os";
import { bootTime, cpuNanos, parseInterfaces } from "../proc_files.ts";
import type { NodeSample } from "../provider.ts";
import { readMemory } from "./machine_memory.ts";
import { readText } from "./system_files.ts";

/** What this machine uses now; `stateDir` is on the disk that pods may fill. */
export async function readNodeStats(stateDir: string): Promise<NodeSample> {
  const [memory, cpu, disk, network] = await Promise.all([
    readMemory(),
    readText("/proc/stat"),
    statfs(stateDir),
    readText("/proc/net/dev"),
  ]);
  const at = new Date();
  const { totalBytes, freeBytes, availableBytes } = memory;
  const { bsize, blocks, bfree, bavail, files, ffree } = disk;
  return {
    at,
    startedAt: bootTime(cpu) ?? new Date(at.getTime() - Deno.osUptime() * 1000),
    cpuNanos: cpuNanos(cpu) ?? otherCpuNanos(),
    memoryBytes: totalBytes - availableBytes,
    memoryAvailableBytes: availableBytes,
    memoryUsageBytes: totalBytes - freeBytes,
    filesystem: {
      capacityBytes: blocks * bsize,
      availableBytes: bavail * bsize,
      usedBytes: (blocks - bfree) * bsize,
      // File systems that make them as needed have no number of inodes.
      ...(files > 0 ? { inodes: files, inodesFree: ffree } : {}),
    },
    interfaces: parseInterfaces(network),
  };
}

/** The same without `/proc`. */
function otherCpuNanos(): number {
  const millis = os.cpus().map(({ times: { user, nice, sys, irq } }) =>
    user + nice + sys + irq
  );
  return millis.reduce((sum, each) => sum + each, 0) * 1e6;
}

import { statfs } from "node:fs/promises";
import os from "node:os";
import type { NodeSample } from "../provider.ts";
import type { InterfaceSample } from "../runtime.ts";
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

/** `btime` of `/proc/stat`; undefined where there is none. */
export function bootTime(stat: string): Date | undefined {
  const seconds = /^btime (\d+)$/m.exec(stat)?.[1];
  return seconds === undefined ? undefined : new Date(Number(seconds) * 1000);
}

/** The time that all CPUs worked, from `/proc/stat`; undefined where there is none. */
export function cpuNanos(stat: string): number | undefined {
  const fields = /^cpu +(.+)$/m.exec(stat)?.[1]?.split(" ").map(Number);
  if (fields === undefined) return undefined;
  // Time of virtual CPUs is in user and nice already: proc_stat(5).
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] =
    fields;
  return (user + nice + system + irq + softirq + steal) * nanosPerTick;
}

/** The interfaces of `/proc/net/dev`, loopback aside. */
export function parseInterfaces(text: string): readonly InterfaceSample[] {
  return text.split("\n").flatMap((line) => {
    const [, name = "", counts = ""] = /^ *([^:]+): *(.+)$/.exec(line) ?? [];
    if (name === "" || name === "lo") return [];
    const fields = counts.split(/ +/).map(Number);
    const [rxBytes = 0, , rxErrors = 0, , , , , , txBytes = 0, , txErrors = 0] =
      fields;
    return [{ name, rxBytes, rxErrors, txBytes, txErrors }];
  });
}

/** The same without `/proc`. */
function otherCpuNanos(): number {
  const millis = os.cpus().map(({ times: { user, nice, sys, irq } }) =>
    user + nice + sys + irq
  );
  return millis.reduce((sum, each) => sum + each, 0) * 1e6;
}

/** `USER_HZ`, which is 100 on every Linux that Deno runs on. */
const nanosPerTick = 10_000_000;

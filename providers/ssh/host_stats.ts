import type { AbortOptions } from "../../async/abort.ts";
import { bootTime, cpuNanos, parseInterfaces } from "../proc_files.ts";
import type { NodeSample } from "../provider.ts";
import type { Host } from "./host.ts";
import { meminfoBytes, parseDf, readings } from "./host_readings.ts";
import { runScript } from "./host_script.ts";

/** Reads what a host uses now, by one script; `directory` is on the disk that pods may fill. */
export async function readHostStats(
  host: Host,
  directory: string,
  { signal }: AbortOptions,
): Promise<NodeSample> {
  const text = await runScript(host, statsScript, {
    action: "measure the host",
    args: [directory],
    signal,
  });
  return parseHostStats(text, new Date());
}

/** Reads what the script printed `at` some time. */
export function parseHostStats(text: string, at: Date): NodeSample {
  const found = readings(text);
  const value = (name: string) => found.get(name) ?? "";
  const meminfo = value("meminfo");
  const total = meminfoBytes(meminfo, "MemTotal") ?? 0;
  const free = meminfoBytes(meminfo, "MemFree") ?? 0;
  // Kernels before 3.14 do not say what is available.
  const available = meminfoBytes(meminfo, "MemAvailable") ??
    free + (meminfoBytes(meminfo, "Cached") ?? 0);
  const booted = bootTime(value("stat"));
  const filesystem = parseDf(value("df"), value("df inodes"));
  return {
    at,
    // By the host's clock, so that it stays the same; it may be ahead of ours.
    startedAt: booted !== undefined && booted < at ? booted : at,
    cpuNanos: cpuNanos(value("stat")) ?? 0,
    memoryBytes: total - available,
    memoryAvailableBytes: available,
    memoryUsageBytes: total - free,
    ...(filesystem === undefined ? {} : { filesystem }),
    // The host's ends of its pods' interfaces come and go, and count the same bytes again.
    interfaces: parseInterfaces(value("network"))
      .filter(({ name }) => !name.startsWith("veth")),
  };
}

const statsScript = `
echo '=== stat'
grep -E '^(cpu |btime )' /proc/stat
echo '=== meminfo'
cat /proc/meminfo
echo '=== network'
cat /proc/net/dev
echo '=== df'
df -kP "$1" || :
echo '=== df inodes'
df -iP "$1" 2>/dev/null || :
`;

import type { AbortOptions } from "../../async/abort.ts";
import { bootTime, cpuNanos, parseInterfaces } from "../proc_files.ts";
import type { NodeSample } from "../provider.ts";
import type { Host } from "./host.ts";
import { meminfoBytes, parseDf, readings } from "./host_readings.ts";
import { runScript } from "./host_script.ts";

/** Directories on the disks of a host that may run full. */
export interface DiskDirectories {
  /** Where pods are kept. */
  readonly pods: string;
  /** Where the engine keeps images; empty where nobody knows. */
  readonly images: string;
}

/** Reads what a host uses now, by one script. */
export async function readHostStats(
  host: Host,
  { pods, images }: DiskDirectories,
  { signal }: AbortOptions,
): Promise<NodeSample> {
  const text = await runScript(host, statsScript, {
    action: "measure the host",
    args: [pods, images],
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
  // A host without memory is one that did not answer, not one that has run out of it.
  const isKnown = total > 0 && available > 0;
  const booted = bootTime(value("stat"));
  const filesystem = parseDf(value("df"), value("df inodes"));
  const images = parseDf(value("images df"), value("images df inodes"));
  const dedicated = !isSameDisk(value("images df"), value("df"));
  const processes = parseProcesses(
    value("loadavg"),
    value("pid max"),
    value("threads max"),
  );
  return {
    at,
    // By the host's clock, so that it stays the same; it may be ahead of ours.
    startedAt: booted !== undefined && booted < at ? booted : at,
    cpuNanos: cpuNanos(value("stat")) ?? 0,
    memoryBytes: total - available,
    ...(isKnown ? { memoryAvailableBytes: available } : {}),
    memoryUsageBytes: total - free,
    ...(filesystem === undefined ? {} : { filesystem }),
    ...(images === undefined
      ? {}
      : { imageFilesystem: { ...images, dedicated } }),
    ...(processes === undefined ? {} : { processes }),
    // The host's ends of its pods' interfaces come and go, and count the same bytes again.
    interfaces: parseInterfaces(value("network"))
      .filter(({ name }) => !name.startsWith("veth")),
  };
}

/** Whether two directories are on one disk, by the last line of `df` of each. */
function isSameDisk(a: string, b: string): boolean {
  const [here, there] = [fileSystem(a), fileSystem(b)];
  if (here === undefined || there === undefined) return true;
  // A disk may be mounted twice; what is no disk has a name that says nothing (`tmpfs`).
  return here.mountPoint === there.mountPoint ||
    (here.device === there.device && here.device.includes("/"));
}

function fileSystem(df: string) {
  const line = df.trimEnd().split("\n").at(-1) ?? "";
  const [, device, mountPoint] =
    /^(.*?)\s+\d+\s+\d+\s+-?\d+\s+\S+\s+(\/.*)$/.exec(line) ?? [];
  if (device === undefined || mountPoint === undefined) return undefined;
  return { device, mountPoint };
}

/** The fourth field of `loadavg` counts all threads; the smaller of the two limits holds. */
function parseProcesses(
  loadavg: string,
  ...limits: readonly string[]
): NodeSample["processes"] {
  const running = Number(/^\S+ \S+ \S+ \d+\/(\d+)/.exec(loadavg)?.[1] ?? "");
  const known = limits.map(Number).filter((limit) => limit > 0);
  if (!(running > 0) || known.length === 0) return undefined;
  return { running, max: Math.min(...known) };
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
if [ -n "$2" ]; then
  echo '=== images df'
  df -kP "$2" 2>/dev/null || :
  echo '=== images df inodes'
  df -iP "$2" 2>/dev/null || :
fi
echo '=== loadavg'
cat /proc/loadavg
echo '=== pid max'
cat /proc/sys/kernel/pid_max 2>/dev/null || :
echo '=== threads max'
cat /proc/sys/kernel/threads-max 2>/dev/null || :
`;

import type { AbortOptions } from "../../async/abort.ts";
import { osImage } from "../proc_files.ts";
import type { FilesystemSample, NodeFacts } from "../provider.ts";
import type { Host } from "./host.ts";
import {
  type ClockSkew,
  clockSkew,
  meminfoBytes,
  parseDf,
  readings,
  type ScriptTimes,
} from "./host_readings.ts";
import { runScript } from "./host_script.ts";

/** A host as it is, its engine aside. */
export interface HostFacts {
  /** As `kubernetes.io/arch`: what programs of the host's own system are made for. */
  readonly arch: string;
  readonly hostname: string;
  /** Such as `Alpine Linux v3.20`; empty when unknown. */
  readonly osImage: string;
  readonly kernelVersion: string;
  /** Empty on hosts that have none. */
  readonly machineId: string;
  readonly bootId: string;
  /** Such as `Raspberry Pi 4 Model B Rev 1.4`; empty when unknown. */
  readonly model: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  readonly cgroupVersion: 1 | 2;
  /** The first port that everybody may listen on. */
  readonly unprivilegedPortStart: number;
  /** Where farlet keeps the files of pods. */
  readonly filesystem: FilesystemSample | undefined;
  /** Where the engine keeps images, if it was asked for. */
  readonly imageFilesystem: FilesystemSample | undefined;
  readonly clock: ClockSkew | undefined;
}

/** Options of {@linkcode readHostFacts}. */
export interface HostFactsOptions extends AbortOptions {
  /** farlet's directory on the host, or where it is going to be. */
  readonly directory: string;
  /** The directory of the engine's images. */
  readonly storageDir?: string;
}

/** Reads what a host is, by one script. Rejects for a host that does not run Linux. */
export async function readHostFacts(
  host: Host,
  { directory, storageDir = "", signal }: HostFactsOptions,
): Promise<HostFacts> {
  const sentAt = Date.now();
  const text = await runScript(host, factsScript, {
    action: "look at the host",
    args: [directory, storageDir],
    signal,
  });
  return parseHostFacts(text, { sentAt, receivedAt: Date.now() });
}

/** Reads what the script prints. Throws for a host that does not run Linux. */
export function parseHostFacts(text: string, times: ScriptTimes): HostFacts {
  const found = readings(text);
  const value = (name: string) => found.get(name) ?? "";
  const [system = "", machine = "", kernelVersion = "", hostname = ""] = value(
    "uname",
  ).split("\n");
  if (system !== "Linux") {
    throw new Error(
      `Cannot use a host that runs ${
        system || "an unknown system"
      }: only Linux has containers`,
    );
  }
  const meminfo = value("meminfo");
  return {
    arch: kubernetesArch(machine, {
      is32Bit: value("elf class").trim() === "1",
    }),
    hostname,
    osImage: osImage(value("os-release")),
    kernelVersion,
    machineId: value("machine-id").trim(),
    bootId: value("boot_id"),
    model: value("model").trim(),
    cpus: Math.max(1, Number.parseInt(value("cpus")) || 1),
    memoryBytes: meminfoBytes(meminfo, "MemTotal") ?? 0,
    swapBytes: meminfoBytes(meminfo, "SwapTotal") ?? 0,
    cgroupVersion: value("cgroup") === "2" ? 2 : 1,
    unprivilegedPortStart: Number.parseInt(value("ports")) || 1024,
    filesystem: parseDf(value("df"), value("df inodes")),
    imageFilesystem: parseDf(value("image df"), value("image df inodes")),
    clock: clockSkew(value("date"), times),
  };
}

/** The facts of a node that is such a host. */
export function hostNodeFacts(
  facts: HostFacts,
  { runtimeVersion, maxPods }: {
    /** Such as `docker://27.1.1`. */
    readonly runtimeVersion: string;
    readonly maxPods: number;
  },
): NodeFacts {
  return {
    os: "linux",
    arch: facts.arch,
    hostname: facts.hostname,
    osImage: facts.osImage,
    kernelVersion: facts.kernelVersion,
    runtimeVersion,
    machineId: facts.machineId,
    bootId: facts.bootId,
    cpuMillis: facts.cpus * 1000,
    memoryBytes: facts.memoryBytes,
    ephemeralStorageBytes: facts.filesystem?.capacityBytes ?? 0,
    pods: maxPods,
    instanceType: labelValue(facts.model) || "ssh",
  };
}

/** The text as near as the value of a label can be to it; empty if nothing is left. */
export function labelValue(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._]+/g, "-").slice(0, 63)
    .replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "");
}

/** The architecture in Go's words; one it does not have is kept. */
function kubernetesArch(
  machine: string,
  { is32Bit }: { readonly is32Bit: boolean },
): string {
  // A 64-bit kernel below a 32-bit system, as Raspberry Pi OS has it: so is the engine.
  switch (machine) {
    case "x86_64":
      return is32Bit ? "386" : "amd64";
    case "aarch64":
    case "arm64":
      return is32Bit ? "arm" : "arm64";
    case "mips64":
      return "mips64le";
    case "loongarch64":
      return "loong64";
  }
  if (/^arm/.test(machine)) return "arm";
  if (/^i[3-6]86$/.test(machine)) return "386";
  return labelValue(machine);
}

/** Arguments: farlet's directory, which need not be there, and the engine's (or nothing). */
const factsScript = `
echo '=== date'
date +%s.%N
echo '=== uname'
uname -s; uname -m; uname -r; uname -n
echo '=== cpus'
nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || grep -c '^processor' /proc/cpuinfo
echo '=== elf class'
od -An -t u1 -j 4 -N 1 /bin/sh 2>/dev/null || :
echo '=== meminfo'
cat /proc/meminfo 2>/dev/null || :
echo '=== os-release'
cat /etc/os-release 2>/dev/null || cat /usr/lib/os-release 2>/dev/null || :
echo '=== machine-id'
for file in /etc/machine-id /var/lib/dbus/machine-id /sys/class/dmi/id/product_uuid \\
  /proc/device-tree/serial-number; do
  if [ -s "$file" ] && [ -r "$file" ]; then
    tr -d '\\000' <"$file" && break
  fi
done
echo
echo '=== boot_id'
cat /proc/sys/kernel/random/boot_id 2>/dev/null || :
echo '=== model'
for file in /proc/device-tree/model /sys/class/dmi/id/product_name; do
  if [ -r "$file" ]; then tr -d '\\000' <"$file" && break; fi
done
echo
echo '=== cgroup'
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo 2; else echo 1; fi
echo '=== ports'
cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null || :
for name in '' 'image '; do
  at=$1
  shift
  if [ -z "$at" ]; then continue; fi
  while ! [ -e "$at" ]; do at=\${at%/*}; at=\${at:-/}; done
  echo "=== \${name}df"
  df -kP "$at" 2>/dev/null || :
  echo "=== \${name}df inodes"
  df -iP "$at" 2>/dev/null || :
done
`;

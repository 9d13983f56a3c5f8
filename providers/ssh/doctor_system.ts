import type { AbortOptions } from "../../async/abort.ts";
import { Deadline } from "../../async/deadline.ts";
import {
  fail,
  failure,
  type Finding,
  ok,
  sizeOf,
  warn,
} from "./doctor_finding.ts";
import { type HostFacts, readHostFacts } from "./facts.ts";
import type { Host } from "./host.ts";
import { type ClockSkew, meminfoBytes, readings } from "./host_readings.ts";
import { pauseArchitecture } from "./pause_image.ts";

/** What the later checks need to know of a host's system. */
export interface SystemFindings {
  readonly user: string;
  readonly isRoot: boolean;
  /** farlet's directory on the host, which need not be there. */
  readonly directory: string;
  /** Where sshd listens, as the host sees it. */
  readonly sshd: { readonly host: string; readonly port: number };
  /** The limits that control groups can set, such as `memory`. */
  readonly controllers: readonly string[];
  /** Whether what the user runs goes on when nobody is logged in. */
  readonly lingers: boolean;
  readonly has: (program: string) => boolean;
}

/** What the script reads on the host. */
export interface SystemReadings extends SystemFindings {
  readonly uid: number;
  readonly groups: string;
  readonly posix: boolean;
  readonly mayMount: boolean;
  readonly mayWrite: boolean;
  readonly memoryAvailable: number | undefined;
}

/** Programs that farlet's scripts run on every host. */
const needed = [
  ...["awk", "cat", "chgrp", "chmod", "cmp", "date", "df", "du", "find"],
  ...["grep", "head", "id", "ln", "mkdir", "mktemp", "mv", "od", "readlink"],
  ...["rm", "rmdir", "sed", "sort", "stat", "tail", "tar", "tr", "uname", "wc"],
] as const;
/** Those that it can do without. */
const useful = ["flock", "setsid", "timeout"] as const;
const neededOfRoot = ["mount", "umount"] as const;

const patience = 30_000;
const littleMemory = 128 * 2 ** 20;

/** The shell, the user and the machine; undefined where farlet's scripts do not run. */
export async function* findSystem(
  host: Host,
  { signal }: AbortOptions,
): AsyncGenerator<Finding, SystemFindings | undefined> {
  using deadline = new Deadline(patience, { signal });
  const { stdout, stderr } = await host.run(systemScript, [
    [...needed, ...useful, ...neededOfRoot].join(" "),
  ], deadline);
  const system = parseSystem(stdout);
  if (!system.posix) {
    const said = (stderr + stdout).trim().split("\n").at(-1) ?? "";
    yield fail(
      "shell",
      `scripts do not run${said === "" ? "" : `; it says "${said}"`}`,
      "give the user a login shell that can run /bin/sh (chsh)",
    );
    return undefined;
  }
  yield ok("shell", "/bin/sh runs POSIX scripts");
  yield* toolFindings(system);
  yield userFinding(system);
  let facts;
  try {
    const { directory } = system;
    facts = await readHostFacts(host, { directory, signal: deadline.signal });
  } catch (error) {
    signal.throwIfAborted();
    yield failure("system", error);
    return undefined;
  }
  yield* machineFindings(facts, system);
  return system;
}

function* toolFindings(system: SystemReadings): Generator<Finding> {
  const all = system.isRoot ? [...needed, ...neededOfRoot] : needed;
  const missing = all.filter((program) => !system.has(program));
  if (missing.length > 0) {
    const remedy =
      "install coreutils, findutils, gawk, sed, tar and util-linux, or busybox";
    yield fail("tools", `missing: ${missing.join(", ")}`, remedy);
    return;
  }
  const lacking = useful.filter((program) => !system.has(program));
  yield lacking.length === 0
    ? ok("tools", `all ${all.length + useful.length} are there`)
    : warn(
      "tools",
      `missing: ${lacking.join(", ")}, which farlet can do without`,
      "install util-linux and coreutils",
    );
}

function userFinding(system: SystemReadings): Finding {
  const { user, uid, groups, isRoot, mayMount, mayWrite, directory } = system;
  if (!mayWrite) {
    const found = `"${user}" may not make farlet's directory ${directory}`;
    return fail("user", found, "give the user a home directory of its own");
  }
  if (isRoot && mayMount) return ok("user", "root");
  if (isRoot) {
    const found = "root that may not mount: Secrets are on the disk";
    return warn("user", found, "give the host (a container?) CAP_SYS_ADMIN");
  }
  return warn(
    "user",
    `"${user}" (${uid}), in the groups ${groups}: Secrets are on the disk, emptyDir volumes cannot be in memory, and fsGroup is one of these groups`,
    "log in as root to do without these limits",
  );
}

/** What is known of the machine, its engine aside. */
export function* machineFindings(
  facts: HostFacts,
  { memoryAvailable }: Pick<SystemReadings, "memoryAvailable">,
): Generator<Finding> {
  const { osImage, kernelVersion, arch, cpus, memoryBytes } = facts;
  yield ok("system", `${osImage || "Linux"}, kernel ${kernelVersion}`);
  try {
    pauseArchitecture(arch);
    yield ok("architecture", arch);
  } catch (error) {
    yield failure("architecture", error);
  }
  const memory = `${sizeOf(memoryBytes)}${
    memoryAvailable === undefined
      ? ""
      : `, of which ${sizeOf(memoryAvailable)} are available`
  }; ${cpus} CPU${cpus === 1 ? "" : "s"}`;
  yield (memoryAvailable ?? memoryBytes) < littleMemory
    ? warn("memory", memory, "end what uses it, or add swap")
    : ok("memory", memory);
  yield clockFinding(facts.clock);
}

/** A clock that is off breaks tokens and certificates, and puts wrong times into statuses. */
export function clockFinding(clock: ClockSkew | undefined): Finding {
  if (clock === undefined) {
    return warn("clock", "the host does not tell the time", "install date");
  }
  const { ms, uncertaintyMs } = clock;
  const off = Math.max(0, Math.abs(ms) - uncertaintyMs);
  const remedy = "run an NTP client there, such as systemd-timesyncd or chrony";
  const found = Math.abs(ms) < 1_000
    ? "as this machine's"
    : `${(Math.abs(ms) / 1000).toFixed(1)} s ${
      ms < 0 ? "behind" : "ahead of"
    } this machine's`;
  if (off > 300_000) return fail("clock", found, remedy);
  return off > 5_000 ? warn("clock", found, remedy) : ok("clock", found);
}

/** Reads what the script prints. */
export function parseSystem(text: string): SystemReadings {
  const found = readings(text);
  const value = (name: string) => (found.get(name) ?? "").trim();
  const programs = new Set(value("programs").split("\n"));
  const [, , sshdHost = "127.0.0.1", sshdPort = "22"] = value("connection")
    .split(" ");
  const uid = Number(value("uid") || "-1");
  // CAP_SYS_ADMIN is the 21st.
  const capabilities = BigInt(`0x${value("capabilities") || "0"}`);
  return {
    posix: value("posix") === "yes" && found.has("end"),
    user: value("user") || String(uid),
    ...{ uid, groups: value("groups"), isRoot: uid === 0 },
    directory: value("directory"),
    mayWrite: value("writable") === "yes",
    mayMount: (capabilities >> 21n & 1n) === 1n,
    sshd: { host: sshdHost, port: Number(sshdPort) },
    memoryAvailable: meminfoBytes(value("meminfo"), "MemAvailable"),
    controllers: value("controllers").split(/\s+/).filter(Boolean),
    lingers: value("lingers") === "yes",
    has: (program) => programs.has(program),
  };
}

/** Arguments: the names of programs. Plain users have no `sbin` in their path on some hosts. */
const systemScript = `
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
echo '=== posix'
path=/a/b
shorter() { printf '%s' "\${1##*/}$((1 + 1))"; }
if [ "$(shorter "$path")" = b2 ]; then echo yes; fi
echo '=== connection'
echo "\${SSH_CONNECTION:-}"
uid=$(id -u)
echo '=== uid'
echo "$uid"
echo '=== user'
id -un 2>/dev/null
echo '=== groups'
id -Gn 2>/dev/null
echo '=== capabilities'
sed -n 's/^CapEff:[^0-9a-f]*//p' /proc/self/status 2>/dev/null
echo '=== programs'
for program in $1; do
  if command -v "$program" >/dev/null 2>&1; then echo "$program"; fi
done
echo '=== directory'
if [ "$uid" = 0 ]; then directory=/var/lib/farlet
else directory=\${XDG_DATA_HOME:-\${HOME:-}/.local/share}/farlet; fi
echo "$directory"
echo '=== writable'
at=$directory
while [ -n "$at" ] && ! [ -d "$at" ]; do at=\${at%/*}; done
if [ -w "\${at:-/}" ]; then echo yes; fi
echo '=== meminfo'
grep '^MemAvailable' /proc/meminfo 2>/dev/null
echo '=== controllers'
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  own=/sys/fs/cgroup/user.slice/user-$uid.slice/user@$uid.service/cgroup.controllers
  if [ "$uid" != 0 ] && [ -r "$own" ]; then cat "$own"
  else cat /sys/fs/cgroup/cgroup.controllers; fi
else
  awk '$4 == 1 { print $1 }' /proc/cgroups 2>/dev/null
fi
echo '=== lingers'
if [ "$uid" = 0 ] || ! [ -d /run/systemd/system ] ||
  [ -e "/var/lib/systemd/linger/$(id -un)" ]; then echo yes; fi
echo '=== end'
exit 0`;

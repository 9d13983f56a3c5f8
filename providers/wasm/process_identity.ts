import { abortable } from "../../async/abort.ts";
import { delay } from "../../async/delay.ts";

/** Tells one process from every other that has or had its number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in clock ticks after the boot; absent on systems without `/proc`. */
  readonly startTicks?: number;
  readonly bootId?: string;
}

/** CPU time and memory of one process, since its start and now. */
export interface ProcessUsage {
  readonly cpuNanos: number;
  /** Memory of its own, without files that are mapped. */
  readonly memoryBytes: number;
  /** All that is resident, mapped files as well. */
  readonly memoryUsageBytes: number;
  /** The part of its own memory that is not shared. */
  readonly memoryRssBytes: number;
}

/** `USER_HZ`, which is 100 on every Linux that Deno runs on. */
const nanosPerTick = 10_000_000;

/** The identity of a process that runs now. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity> {
  const startTicks = (await readStat(pid))?.startTicks;
  if (startTicks === undefined) return { pid };
  const bootId = await readText("/proc/sys/kernel/random/boot_id");
  return { pid, startTicks, bootId: (bootId ?? "").trim() };
}

/** Whether exactly this process runs; false where that cannot be known. */
export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  if (identity.startTicks === undefined) return false;
  const stat = await readStat(identity.pid);
  if (stat?.startTicks !== identity.startTicks || stat.state === "Z") {
    return false;
  }
  return (await identifyProcess(identity.pid)).bootId === identity.bootId;
}

/**
 * Kills exactly this process and resolves when it is gone, with whether there was one to kill.
 *
 * Nothing is killed where it cannot be told from a later process with its number.
 */
export async function killProcess(identity: ProcessIdentity): Promise<boolean> {
  if (!(await isRunning(identity))) return false;
  try {
    Deno.kill(identity.pid, "SIGKILL");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
  const signal = AbortSignal.timeout(5_000);
  while (await abortable(isRunning(identity), { signal })) {
    await delay(2, { signal });
  }
  return true;
}

/** What a process uses; undefined when it has ended, or on systems without `/proc`. */
export async function processUsage(
  pid: number,
): Promise<ProcessUsage | undefined> {
  const stat = await readStat(pid);
  const status = await readText(`/proc/${pid}/status`);
  if (stat === undefined || status === undefined) return undefined;
  const memoryRssBytes = statusBytes(status, "RssAnon");
  return {
    cpuNanos: stat.cpuTicks * nanosPerTick,
    memoryBytes: memoryRssBytes + statusBytes(status, "RssShmem"),
    memoryUsageBytes: statusBytes(status, "VmRSS"),
    memoryRssBytes,
  };
}

/** A line of `/proc/PID/status` such as `VmRSS:  1672 kB`; 0 where it is missing. */
function statusBytes(status: string, name: string): number {
  const line = new RegExp(`^${name}:\\s*(\\d+) kB$`, "m").exec(status);
  return Number(line?.[1] ?? 0) * 1024;
}

async function readStat(pid: number) {
  const text = await readText(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The second field, the name in parentheses, may hold spaces and parentheses itself.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return {
    state: fields[0],
    cpuTicks: Number(fields[11]) + Number(fields[12]),
    startTicks: Number(fields[19]),
  };
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    // The process has ended (NotFound, or ESRCH while reading), or this system has no /proc.
    return undefined;
  }
}

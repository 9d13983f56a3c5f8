import type { InterfaceSample } from "./samples.ts";

/** `PRETTY_NAME` of an os-release file; empty when it has none. */
export function osImage(osRelease: string): string {
  const value = /^PRETTY_NAME=(.*)$/m.exec(osRelease)?.[1] ?? "";
  return value.trim().replace(/^(["'])(.*)\1$/, "$2");
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

/** `USER_HZ`, which is 100 on every Linux that Deno runs on, and on all that matter beside. */
const nanosPerTick = 10_000_000;

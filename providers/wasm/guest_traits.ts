/** What the agent can make of guests on this machine. */
export interface GuestTraits {
  /** The agent's user, and its group; undefined where there are no such numbers. */
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** Whether every pod has a user of its own and may name others; else all are the agent's. */
  readonly choosesUsers: boolean;
  /** Whether volumes can be in memory. */
  readonly mounts: boolean;
  /** Whether the CPU time of guests can be limited. */
  readonly limitsCpu: boolean;
}

/** What this process can make of them: all of it as root on Linux, with root's capabilities. */
export function guestTraits(): GuestTraits {
  const isLinux = Deno.build.os === "linux";
  const status = isLinux ? Deno.readTextFileSync("/proc/self/status") : "";
  const { chown, kill, setgid, setuid, sysAdmin } = capabilities;
  // Only root loses its capabilities when a guest becomes another user.
  const isRoot = Deno.uid() === 0;
  return {
    uid: Deno.uid() ?? undefined,
    gid: Deno.gid() ?? undefined,
    choosesUsers: isRoot &&
      hasCapabilities(status, [chown, kill, setgid, setuid]),
    mounts: hasCapabilities(status, [chown, sysAdmin]),
    limitsCpu: isLinux,
  };
}

/** Whether a process has these capabilities, by its `/proc/PID/status`. */
export function hasCapabilities(
  status: string,
  numbers: readonly number[],
): boolean {
  const [, hex = "0"] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  const effective = BigInt(`0x${hex}`);
  return numbers.every((number) => (effective >> BigInt(number) & 1n) === 1n);
}

/** Of linux/capability.h. */
const capabilities = {
  chown: 0,
  kill: 5,
  setgid: 6,
  setuid: 7,
  sysAdmin: 21,
};

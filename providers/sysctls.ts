/** The namespaces of the kernel that have parameters of their own. */
export type SysctlNamespace = "ipc" | "net";

/**
 * Which namespace a kernel parameter belongs to that is safe for the other pods of a host: those
 * that the kubelet allows unless told otherwise (`pkg/kubelet/sysctl/safe_sysctls.go`).
 */
const safeSysctls: ReadonlyMap<string, SysctlNamespace> = new Map([
  ["kernel.shm_rmid_forced", "ipc"],
  ["net.ipv4.ip_local_port_range", "net"],
  ["net.ipv4.tcp_syncookies", "net"],
  ["net.ipv4.ping_group_range", "net"],
  ["net.ipv4.ip_unprivileged_port_start", "net"],
  ["net.ipv4.ip_local_reserved_ports", "net"],
  ["net.ipv4.tcp_keepalive_time", "net"],
  ["net.ipv4.tcp_fin_timeout", "net"],
  ["net.ipv4.tcp_keepalive_intvl", "net"],
  ["net.ipv4.tcp_keepalive_probes", "net"],
  ["net.ipv4.tcp_rmem", "net"],
  ["net.ipv4.tcp_wmem", "net"],
  ["net.ipv4.tcp_slow_start_after_idle", "net"],
  ["net.ipv4.tcp_notsent_lowat", "net"],
]);

/**
 * The namespace of a parameter that pods may set: a safe one, or one that `unsafe` names, of which
 * some end with `*`. Undefined for others. Names are as {@linkcode dottedSysctl} gives them.
 */
export function allowedSysctl(
  name: string,
  unsafe: readonly string[],
): SysctlNamespace | undefined {
  const safe = safeSysctls.get(name);
  if (safe !== undefined) return safe;
  const isAllowed = unsafe.map(dottedSysctl).some((pattern) =>
    pattern.endsWith("*")
      ? name.startsWith(pattern.slice(0, -1))
      : name === pattern
  );
  return isAllowed ? sysctlNamespace(name) : undefined;
}

/** A sysctl written with slashes (`net/ipv4/conf/eno2.100/rp_filter`) has them and dots swapped. */
export function dottedSysctl(sysctl: string): string {
  if (/[./]/.exec(sysctl)?.[0] !== "/") return sysctl;
  return sysctl.replaceAll(/[./]/g, (found) => found === "/" ? "." : "/");
}

/** Why a node cannot allow these parameters, in the kubelet's words; undefined if it can. */
export function sysctlPatternProblem(pattern: string): string | undefined {
  if (pattern.length > 253 || !sysctlPattern.test(pattern)) {
    return "a kernel parameter such as net.core.somaxconn or kernel.msg*";
  }
  const name = dottedSysctl(pattern).replace(/\*$/, "");
  if (sysctlNamespace(name) !== undefined) return undefined;
  return "a parameter that is known to be namespaced: kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.* or net.*";
}

/** As the API server's `SysctlContainSlashPatternFmt`. */
const sysctlPattern =
  /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*([a-z0-9][-_a-z0-9]*)?[a-z0-9*]$/;

/** As `pkg/util/sysctl/namespace.go`. */
function sysctlNamespace(name: string): SysctlNamespace | undefined {
  if (name === "kernel.sem") return "ipc";
  if (/^(kernel\.(shm|msg)|fs\.mqueue\.)/.test(name)) return "ipc";
  return name.startsWith("net.") ? "net" : undefined;
}

/**
 * Which namespace a kernel parameter belongs to that is safe for the other pods of a host: those
 * that the kubelet allows unless told otherwise (`pkg/kubelet/sysctl/safe_sysctls.go`).
 */
export const safeSysctls: ReadonlyMap<string, "ipc" | "net"> = new Map([
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

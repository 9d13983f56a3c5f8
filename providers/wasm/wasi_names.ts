/** The module name under which a guest imports WASI preview 1. */
export const wasiModuleName = "wasi_snapshot_preview1";

/** The module name of the snapshot before preview 1, which modules of old toolchains import. */
export const oldWasiModuleName = "wasi_unstable";

/** The functions of WASI preview 1, and those that WasmEdge adds for sockets. */
export type WasiFunctionName = typeof names[number] | keyof typeof socketNames;

const names = [
  "args_get",
  "args_sizes_get",
  "clock_res_get",
  "clock_time_get",
  "environ_get",
  "environ_sizes_get",
  "fd_advise",
  "fd_allocate",
  "fd_close",
  "fd_datasync",
  "fd_fdstat_get",
  "fd_fdstat_set_flags",
  "fd_fdstat_set_rights",
  "fd_filestat_get",
  "fd_filestat_set_size",
  "fd_filestat_set_times",
  "fd_pread",
  "fd_prestat_dir_name",
  "fd_prestat_get",
  "fd_pwrite",
  "fd_read",
  "fd_readdir",
  "fd_renumber",
  "fd_seek",
  "fd_sync",
  "fd_tell",
  "fd_write",
  "path_create_directory",
  "path_filestat_get",
  "path_filestat_set_times",
  "path_link",
  "path_open",
  "path_readlink",
  "path_remove_directory",
  "path_rename",
  "path_symlink",
  "path_unlink_file",
  "poll_oneoff",
  "proc_exit",
  "proc_raise",
  "random_get",
  "sched_yield",
  "sock_accept",
  "sock_recv",
  "sock_send",
  "sock_shutdown",
] as const;

/**
 * WasmEdge's functions for sockets, with how many parameters they may have: where there are two
 * numbers, its first and second version differ.
 */
const socketNames = {
  sock_open: [3],
  sock_bind: [3],
  sock_listen: [2],
  sock_connect: [3],
  sock_getaddrinfo: [8],
  sock_getlocaladdr: [4, 3],
  sock_getpeeraddr: [4, 3],
  sock_getsockopt: [5],
  sock_setsockopt: [5],
  sock_recv_from: [7, 8],
  sock_send_to: [7],
} as const;

/** What else has another name in WasmEdge's second version. */
const renamedNames = ["sock_accept", "sock_recv", "sock_send"] as const;

/** How many parameters a function may have whose name says too little; undefined for others. */
export function parameterCounts(name: string): readonly number[] | undefined {
  const counts: Readonly<Record<string, readonly number[]>> = {
    ...socketNames,
    "sock_accept": [2, 3],
  };
  return counts[name];
}

/** The names with which WasmEdge's second version calls the functions for sockets. */
export function secondNames(): readonly (readonly [
  WasiFunctionName,
  string,
])[] {
  const again = Object.keys(socketNames) as (keyof typeof socketNames)[];
  return [...again, ...renamedNames]
    .filter((name) => !unversioned.has(name))
    .map((name) => [name, `${name}_v2`]);
}

/** The same in both versions. */
const unversioned: ReadonlySet<string> = new Set([
  "sock_getaddrinfo",
  "sock_getsockopt",
  "sock_setsockopt",
]);

/** Whether this host has a function, by the name of its module and its own. */
export function isWasiFunction(module: string, name: string): boolean {
  switch (module) {
    case wasiModuleName:
      return allNames().has(name);
    case oldWasiModuleName:
      return oldNames().has(name);
    default:
      return false;
  }
}

function allNames(): ReadonlySet<string> {
  const second = secondNames().map(([, name]) => name);
  return new Set([...names, ...Object.keys(socketNames), ...second]);
}

/** `sock_accept` came later. */
function oldNames(): ReadonlySet<string> {
  return new Set(names.filter((name) => name !== "sock_accept"));
}

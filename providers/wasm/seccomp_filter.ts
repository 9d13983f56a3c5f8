import { type CallName, systemCalls } from "./system_calls.ts";

/** What a runner still asks of the kernel once its guest runs. */
export interface FilterNeeds {
  readonly arch: typeof Deno.build.arch;
  /** The process itself, which alone it may send signals to. */
  readonly pid: number;
  /** Whether it makes sockets: none, some that listen, or also some that connect. */
  readonly sockets: "none" | "listening" | "connecting";
  /** Whether it becomes another program. */
  readonly mayExec: boolean;
}

/**
 * A classic BPF program for seccomp(2), as `struct sock_filter`: it allows what Deno, V8 and the
 * WASI functions need, and fails everything else with `EPERM`.
 *
 * No processes, programs, signals to others, traces, mounts, keys, modules or namespaces; files by
 * all means, as those the process's user decides over. Another processor's calls kill the process.
 */
export function seccompFilter(needs: FilterNeeds): Uint8Array<ArrayBuffer> {
  const { auditArch, number } = systemCalls(needs.arch);
  const program: Instruction[] = [
    load(offsets.arch),
    jumpIfEqual(auditArch, 1, 0),
    answer(verdicts.killProcess),
    load(offsets.number),
  ];
  for (const [name, rule] of rules(needs)) {
    const call = number(name);
    if (call !== undefined) program.push(...ruleFor(call, rule));
  }
  program.push(answer(verdicts.fail | errors.perm));
  return encode(program);
}

/** What decides over one system call. */
type Rule =
  | { readonly kind: "allow" }
  | { readonly kind: "fail"; readonly error: number }
  /** Allowed if the argument is one of these; its upper half is not looked at. */
  | {
    readonly kind: "oneOf";
    readonly argument: number;
    readonly values: readonly number[];
  }
  /** Allowed if the argument, a pointer, is null. */
  | { readonly kind: "null"; readonly argument: number }
  /** Allowed if the argument has all these bits. */
  | {
    readonly kind: "withBits";
    readonly argument: number;
    readonly bits: number;
  };

const allow: Rule = { kind: "allow" };

function rules(
  { pid, sockets, mayExec }: FilterNeeds,
): readonly (readonly [CallName, Rule])[] {
  const own: Rule = { kind: "oneOf", argument: 0, values: [pid] };
  return [
    ...plainCalls.map((name) => [name, allow] as const),
    // A thread of this process, never another process.
    ["clone", { kind: "withBits", argument: 0, bits: flags.cloneThread }],
    // What its arguments say, a filter cannot read; the C library then takes clone.
    ["clone3", { kind: "fail", error: errors.nosys }],
    ["kill", own],
    ["tgkill", own],
    [
      "ioctl",
      { kind: "oneOf", argument: 1, values: Object.values(controls) },
    ],
    [
      "fcntl",
      { kind: "oneOf", argument: 1, values: Object.values(fileControls) },
    ],
    ["socketpair", { kind: "oneOf", argument: 0, values: [families.unix] }],
    ...socketRules(sockets),
    ...(mayExec ? execRules : runnerRules),
  ];
}

/** Names of threads and of memory alone: its death with the agent it cannot undo. */
const runnerRules: readonly (readonly [CallName, Rule])[] = [
  ["prctl", { kind: "oneOf", argument: 0, values: [15, 16, 0x5356_4d41] }],
  // To read a limit, not to set one: the new one is a null pointer.
  ["prlimit64", { kind: "null", argument: 2 }],
];

/** What else a program needs while it starts, and the engine that it is. */
const execRules: readonly (readonly [CallName, Rule])[] = [
  ["execve", allow],
  ["prctl", allow],
  ["prlimit64", { kind: "null", argument: 2 }],
  ["memfd_create", allow],
];

function socketRules(
  sockets: FilterNeeds["sockets"],
): readonly (readonly [CallName, Rule])[] {
  if (sockets === "none") return [];
  const inet = [families.inet, families.inet6];
  return [
    ["socket", { kind: "oneOf", argument: 0, values: inet }],
    ["bind", allow],
    ["listen", allow],
    ...(sockets === "connecting" ? [["connect", allow] as const] : []),
  ];
}

function ruleFor(call: number, rule: Rule): readonly Instruction[] {
  const body = bodyOf(rule);
  return [jumpIfEqual(call, 0, body.length), ...body];
}

/** Ends in a verdict on every way. */
function bodyOf(rule: Rule): readonly Instruction[] {
  switch (rule.kind) {
    case "allow":
      return [answer(verdicts.allow)];
    case "fail":
      return [answer(verdicts.fail | rule.error)];
    case "oneOf": {
      const { values } = rule;
      return [
        load(argumentOffset(rule.argument)),
        ...values.map((value, i) => jumpIfEqual(value, values.length - i, 0)),
        answer(verdicts.fail | errors.perm),
        answer(verdicts.allow),
      ];
    }
    case "null": {
      const at = argumentOffset(rule.argument);
      return [
        load(at),
        jumpIfEqual(0, 0, 2),
        load(at + 4),
        jumpIfEqual(0, 1, 0),
        answer(verdicts.fail | errors.perm),
        answer(verdicts.allow),
      ];
    }
    case "withBits":
      return [
        load(argumentOffset(rule.argument)),
        { code: 0x54, k: rule.bits },
        jumpIfEqual(rule.bits, 1, 0),
        answer(verdicts.fail | errors.perm),
        answer(verdicts.allow),
      ];
  }
}

/** `struct sock_filter` of linux/filter.h; `jt` and `jf` are 0 unless given. */
interface Instruction {
  readonly code: number;
  readonly jt?: number;
  readonly jf?: number;
  readonly k: number;
}

function load(offset: number): Instruction {
  return { code: 0x20, k: offset };
}

function jumpIfEqual(k: number, jt: number, jf: number): Instruction {
  return { code: 0x15, jt, jf, k };
}

function answer(verdict: number): Instruction {
  return { code: 0x06, k: verdict };
}

/** Of `struct seccomp_data`. */
const offsets = { number: 0, arch: 4, arguments: 16 };

/** The lower half: all processors here are little-endian. */
function argumentOffset(index: number): number {
  return offsets.arguments + 8 * index;
}

/** `SECCOMP_RET_*` of linux/seccomp.h. */
const verdicts = {
  allow: 0x7fff_0000,
  fail: 0x0005_0000,
  killProcess: 0x8000_0000,
};

const errors = { perm: 1, nosys: 38 };

const flags = { cloneThread: 0x0001_0000 };

const families = { unix: 1, inet: 2, inet6: 10 };

/** Asking about terminals, closing on exec, not waiting, and how much there is to read. */
const controls = {
  tcgets: 0x5401,
  tiocgwinsz: 0x5413,
  fionread: 0x541b,
  fionbio: 0x5421,
  fionclex: 0x5450,
  fioclex: 0x5451,
};

/** All of fcntl(2) but signals, leases and the sizes of pipes: an owner could be another process. */
const fileControls = {
  duplicate: 0,
  getFlags: 1,
  setFlags: 2,
  getStatus: 3,
  setStatus: 4,
  getLock: 5,
  setLock: 6,
  setLockWait: 7,
  getOpenFileLock: 36,
  setOpenFileLock: 37,
  setOpenFileLockWait: 38,
  duplicateOnExec: 1030,
  addSeals: 1033,
  getSeals: 1034,
};

function encode(program: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(program.length * 8));
  for (const [i, { code, jt = 0, jf = 0, k }] of program.entries()) {
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, jt);
    view.setUint8(i * 8 + 3, jf);
    view.setUint32(i * 8 + 4, k, true);
  }
  return new Uint8Array(view.buffer);
}

/** Those that need no second look: what strace(1) saw of Deno 2.6 and 2.9, and their siblings. */
const plainCalls: readonly CallName[] = [
  // Memory.
  ...["brk", "mmap", "munmap", "mprotect", "mremap", "madvise"] as const,
  ...["membarrier", "pkey_alloc", "pkey_free", "pkey_mprotect"] as const,
  "msync",
  // Threads.
  ...["futex", "futex_waitv", "gettid", "set_robust_list", "rseq"] as const,
  ...["get_robust_list", "set_tid_address", "sched_yield"] as const,
  ...["sched_getaffinity", "sched_getparam", "sched_getscheduler"] as const,
  ...["sched_get_priority_max", "sched_get_priority_min", "exit"] as const,
  ...["exit_group", "restart_syscall"] as const,
  // Signals.
  ...["rt_sigaction", "rt_sigprocmask", "rt_sigreturn"] as const,
  ...["rt_sigpending", "rt_sigtimedwait", "sigaltstack"] as const,
  ...["pause", "signalfd4"] as const,
  // The process itself.
  ...["getpid", "getppid", "getuid", "geteuid", "getgid", "getegid"] as const,
  ...["getresuid", "getresgid", "getgroups", "getpgid", "getpgrp"] as const,
  ...["getsid", "getcpu", "getrlimit", "getrusage", "uname"] as const,
  ...["sysinfo", "arch_prctl", "capget", "getcwd"] as const,
  // Time and chance.
  ...["clock_gettime", "clock_getres", "clock_nanosleep"] as const,
  ...["nanosleep", "gettimeofday", "time", "times"] as const,
  ...["timerfd_create", "timerfd_settime", "timerfd_gettime"] as const,
  ...["getitimer", "getrandom"] as const,
  // Waiting.
  ...["poll", "ppoll", "select", "pselect6", "epoll_create"] as const,
  ...["epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait"] as const,
  ...["epoll_pwait2", "eventfd", "eventfd2", "pipe", "pipe2"] as const,
  // Descriptors.
  ...["read", "write", "readv", "writev", "pread64", "pwrite64"] as const,
  ...["preadv", "pwritev", "preadv2", "pwritev2", "close"] as const,
  ...["close_range", "dup", "dup2", "dup3", "lseek"] as const,
  ...["flock", "fadvise64"] as const,
  // Files.
  ...["open", "openat", "openat2", "creat", "stat", "lstat"] as const,
  ...["fstat", "newfstatat", "statx", "access", "faccessat"] as const,
  ...["faccessat2", "readlink", "readlinkat", "getdents"] as const,
  ...["getdents64", "mkdir", "mkdirat", "rmdir", "rename"] as const,
  ...["renameat", "renameat2", "link", "linkat", "symlink"] as const,
  ...["symlinkat", "unlink", "unlinkat", "truncate"] as const,
  ...["ftruncate", "fallocate", "utime", "utimes", "utimensat"] as const,
  ...["futimesat", "fsync", "fdatasync", "sync_file_range"] as const,
  ...["statfs", "fstatfs"] as const,
  // Sockets that are open.
  ...["recvfrom", "recvmsg", "recvmmsg", "sendto", "sendmsg"] as const,
  ...["sendmmsg", "getsockname", "getpeername", "getsockopt"] as const,
  ...["setsockopt", "shutdown", "accept", "accept4"] as const,
];

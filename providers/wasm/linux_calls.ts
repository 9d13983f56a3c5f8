import type { GuestUserIds } from "./guest_spec.ts";

/** The C library of this Linux, for what Deno has no function for; closed when disposed. */
export class LinuxCalls implements Disposable {
  readonly #libc = Deno.dlopen("libc.so.6", symbols);

  [Symbol.dispose](): void {
    this.#libc.close();
  }

  /** Keeps all descriptors but the standard streams from programs that are started later. */
  keepDescriptors(): void {
    const { syscall } = this.#libc.symbols;
    // Kernels before 5.11 do not know it: there, whoever starts the agent has to see to it.
    syscall(closeRange, 3n, 0xffff_ffffn, closeRangeOnExec);
  }

  /** Applies to all threads, as the C library does it. */
  setUser({ uid, gid, groups }: GuestUserIds): void {
    const { setgroups, setresgid, setresuid } = this.#libc.symbols;
    const list = new Uint8Array(new Uint32Array([...groups, 0]).buffer);
    check("setgroups", setgroups(BigInt(groups.length), list));
    check("setresgid", setresgid(gid, gid, gid));
    check("setresuid", setresuid(uid, uid, uid));
  }

  /** A process setting; see prctl(2). */
  setProcess(option: number, value: bigint): void {
    check("prctl", this.#libc.symbols.prctl(option, value, 0n, 0n, 0n));
  }

  /** Lowers the soft and the hard limit of this process, where they are higher. */
  lowerLimit(resource: number, limit: number): void {
    const { getrlimit, setrlimit } = this.#libc.symbols;
    const pair = new BigUint64Array(2);
    const bytes = new Uint8Array(pair.buffer);
    check("getrlimit", getrlimit(resource, bytes));
    const [, hard = 0n] = pair;
    pair.fill(hard < BigInt(limit) ? hard : BigInt(limit));
    check("setrlimit", setrlimit(resource, bytes));
  }

  /** Mounts a new file system in memory at a directory; see mount(2) and tmpfs(5). */
  mountMemory(directory: string, options: string): void {
    const { mount } = this.#libc.symbols;
    const type = text("tmpfs");
    const result = mount(type, text(directory), type, flags, text(options));
    if (result < 0) {
      throw new Error(`Cannot mount a memory volume: mount(2) failed`);
    }
  }

  /** Lets go of what is mounted at a path, also while it is used. */
  unmount(path: string): void {
    const { umount2 } = this.#libc.symbols;
    if (umount2(text(path), mntDetach | umountNoFollow) < 0) {
      throw new Error(`Cannot unmount "${path}": umount2(2) failed`);
    }
  }

  /** Makes every thread subject to a BPF program; see seccomp(2). */
  filterCalls(callNumber: number, program: Uint8Array<ArrayBuffer>): void {
    const header = new BigUint64Array(2);
    const view = new DataView(header.buffer);
    view.setUint16(0, program.length / 8, true);
    header[1] = addressOf(program);
    const result = this.#libc.symbols.syscall(
      BigInt(callNumber),
      1n, // SECCOMP_SET_MODE_FILTER
      1n, // SECCOMP_FILTER_FLAG_TSYNC
      addressOf(header),
    );
    if (result === 0n) return;
    throw new Error(`Cannot filter system calls: seccomp gave ${result}`);
  }
}

const symbols = {
  setgroups: { parameters: ["usize", "buffer"], result: "i32" },
  setresgid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  setresuid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  prctl: {
    parameters: ["i32", "usize", "usize", "usize", "usize"],
    result: "i32",
  },
  mount: {
    parameters: ["buffer", "buffer", "buffer", "usize", "buffer"],
    result: "i32",
  },
  umount2: { parameters: ["buffer", "i32"], result: "i32" },
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  syscall: {
    parameters: ["usize", "usize", "usize", "usize"],
    result: "isize",
  },
} as const;

/** close_range(2), the same number on all processors, and `CLOSE_RANGE_CLOEXEC`. */
const closeRange = 436n;
const closeRangeOnExec = 4n;

/** `MS_NOSUID`, `MS_NODEV` and `MS_NOEXEC` of linux/mount.h. */
const flags = 0xen;

const mntDetach = 2;

const umountNoFollow = 8;

function text(value: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${value}\0`);
}

function check(name: string, result: number): void {
  if (result < 0) throw new Error(`Cannot confine the guest: ${name} failed`);
}

function addressOf(buffer: BufferSource): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer)));
}

/** What it takes to become another program with some open files; closed when disposed. Linux only. */
export class ProgramCalls implements Disposable {
  readonly #libc = Deno.dlopen("libc.so.6", symbols);

  [Symbol.dispose](): void {
    this.#libc.close();
  }

  /** Opens a file or a directory for reading; the caller closes it. */
  open(path: string): number {
    const result = this.#libc.symbols.open(cString(path), closeOnExec, 0);
    return this.#checked(`open ${path}`, result);
  }

  /** Gives a descriptor to the program that this process becomes. */
  keepOpen(descriptor: number): void {
    const result = this.#libc.symbols.fcntl(descriptor, setFlags, 0);
    this.#checked("keep a file open", result);
  }

  /** Makes a system call that the C library may have no function for, and gives its result. */
  systemCall(
    name: keyof typeof callNumbers,
    ...given: readonly (bigint | BufferSource)[]
  ): number {
    const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n] = given.map((value) =>
      typeof value === "bigint" ? value : addressOf(value)
    );
    const number = BigInt(callNumbers[name]);
    const result = this.#libc.symbols.syscall(number, a, b, c, d, e);
    return this.#checked(name, Number(result));
  }

  /**
   * Makes this process another program, as which it goes on under the same process ID.
   *
   * @param program A descriptor of its file, which stays open.
   * @param args With its own name first.
   */
  become(
    program: number,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): never {
    const path = cString(`/proc/self/fd/${program}`);
    const words = new CStrings(args);
    const variables = new CStrings(
      Object.entries(env).map(([name, value]) => `${name}=${value}`),
    );
    this.#libc.symbols.execve(path, words.table, variables.table);
    throw this.#failure("become the program");
  }

  #checked(what: string, result: number): number {
    if (result >= 0) return result;
    throw this.#failure(what);
  }

  #failure(what: string): Error {
    const location = this.#libc.symbols.__errno_location();
    const errno = location === null
      ? 0
      : new Deno.UnsafePointerView(location).getInt32();
    return new Error(`Cannot ${what}: ${errorNames[errno] ?? errno}`);
  }
}

/** Strings as C has them, and the table of their addresses, which ends with a null pointer. */
class CStrings {
  readonly #bytes: readonly Uint8Array<ArrayBuffer>[];
  readonly table: BigUint64Array<ArrayBuffer>;

  constructor(strings: readonly string[]) {
    this.#bytes = strings.map(cString);
    this.table = new BigUint64Array([...this.#bytes.map(addressOf), 0n]);
  }
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

function addressOf(buffer: BufferSource): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer)));
}

const symbols = {
  open: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  execve: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
  syscall: {
    parameters: ["usize", "usize", "usize", "usize", "usize", "usize"],
    result: "isize",
  },
  __errno_location: { parameters: [], result: "pointer" },
} as const;

/** The same on all processors: they are newer than the differences. */
const callNumbers = {
  open_tree: 428,
  mount_setattr: 442,
} as const;

// Of fcntl.h: O_RDONLY | O_CLOEXEC, F_SETFD.
const closeOnExec = 0o2000000;
const setFlags = 2;

/** Of asm-generic/errno-base.h. */
const errorNames: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  7: "E2BIG (its arguments and variables are too long)",
  8: "ENOEXEC (not a program for this machine)",
  12: "ENOMEM",
  13: "EACCES (its user may not)",
  22: "EINVAL",
  24: "EMFILE",
  38: "ENOSYS",
};

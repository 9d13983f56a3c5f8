// Confines itself as a runner does, and then asks the kernel for what no guest may have. Stands for
// one whose engine was broken: prints a line of JSON with what each call gave, and errno if it failed.
import { confine } from "../providers/wasm/confine.ts";

const libc = Deno.dlopen("libc.so.6", {
  syscall: {
    parameters: ["usize", "usize", "usize", "usize", "usize"],
    result: "isize",
  },
  __errno_location: { parameters: [], result: "pointer" },
});
const sockets = Deno.args[0] === "connecting" ? "connecting" : "none";
const user = Deno.uid() === 0
  ? { user: { uid: 71_234, gid: 71_235, groups: [71_236] } }
  : {};
const parent = Deno.ppid;
confine({ ...user, sockets, mayExec: false });

const path = new TextEncoder().encode("/bin/true\0");
const text = Deno.UnsafePointer.value(Deno.UnsafePointer.of(path));
/** By x86_64's numbers: name, number, arguments. */
const calls: readonly (readonly [string, number, ...(number | bigint)[]])[] = [
  ["execve", 59, text, 0, 0],
  ["fork", 57],
  ["clone", 56, 17],
  ["clone3", 435, 0, 0],
  ["kill", 62, parent, 0],
  ["kill all", 62, -1n, 0],
  ["kill itself", 62, Deno.pid, 0],
  ["signal by descriptor", 72, 0, 8, parent],
  ["choose that signal", 72, 0, 10, 9],
  ["ask for flags", 72, 0, 3, 0],
  ["ptrace", 101, 16, parent],
  ["socket", 41, 2, 1, 0],
  ["unix socket", 41, 1, 1, 0],
  ["mount", 165, text, text, text, 0],
  ["unshare", 272, 0x1000_0000],
  ["bpf", 321, 0, 0, 0],
  ["keyctl", 250, 0, 0, 0],
  ["init_module", 175, 0, 0, 0],
  ["io_uring_setup", 425, 1, 0],
  ["setuid", 105, 0],
  ["chown", 92, text, 0, 0],
  ["chmod", 90, text, 0o777],
  ["process_vm_readv", 310, parent],
  ["outlive its parent", 157, 1, 0],
  ["be traced", 157, 4, 1],
  ["memfd_create", 319, text, 0],
  ["personality", 135, 0],
  ["getpid", 39],
];
const results = calls.map(([name, number, ...values]) => {
  const [a = 0, b = 0, c = 0, d = 0] = values.map((value) =>
    BigInt.asUintN(64, BigInt(value))
  );
  const gave = libc.symbols.syscall(
    BigInt(number),
    BigInt(a),
    BigInt(b),
    BigInt(c),
    BigInt(d),
  );
  const location = libc.symbols.__errno_location();
  const errno = location && new Deno.UnsafePointerView(location).getInt32();
  return [name, gave < 0n ? `errno ${errno}` : "done"];
});
// deno-lint-ignore no-console -- It is what this program is for.
console.log(JSON.stringify(Object.fromEntries(results)));

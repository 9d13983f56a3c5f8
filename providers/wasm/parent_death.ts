/**
 * Has the kernel kill this process when its parent dies, even while the guest never yields.
 *
 * Works on Linux alone and then for the thread of the parent that started us: for Deno that is the
 * one that lives as long as the process. Elsewhere it does nothing.
 */
export function dieWithParent(): void {
  if (Deno.build.os !== "linux") return;
  try {
    const libc = Deno.dlopen("libc.so.6", {
      prctl: {
        parameters: ["i32", "usize", "usize", "usize", "usize"],
        result: "i32",
      },
    });
    libc.symbols.prctl(prSetDeathSignal, sigkill, 0n, 0n, 0n);
    libc.close();
  } catch {
    // No such C library: the end of our standard input still tells of the parent's death.
  }
}

/** PR_SET_PDEATHSIG of linux/prctl.h. */
const prSetDeathSignal = 1;

const sigkill = 9n;

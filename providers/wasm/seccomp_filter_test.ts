import assert from "node:assert/strict";
import { type FilterNeeds, seccompFilter } from "./seccomp_filter.ts";
import { type CallName, systemCalls } from "./system_calls.ts";

const plain: FilterNeeds = {
  arch: "x86_64",
  pid: 4711,
  sockets: "none",
  mayExec: false,
};
const threadFlags = 0x3d_0f00;

const cases: readonly (readonly [
  claim: string,
  needs: Partial<FilterNeeds>,
  call: CallName | number,
  args: readonly number[],
  verdict: string,
])[] = [
  ["reads", {}, "read", [], "allow"],
  ["opens", {}, "openat", [], "allow"],
  ["starts threads", {}, "clone", [threadFlags], "allow"],
  ["forks not", {}, "clone", [17], "errno 1"],
  ["hides nothing in clone3", {}, "clone3", [], "errno 38"],
  ["becomes nothing else", {}, "execve", [], "errno 1"],
  ["becomes an engine", { mayExec: true }, "execve", [], "allow"],
  ["signals itself", {}, "tgkill", [4711, 4711], "allow"],
  ["signals nobody else", {}, "kill", [4712], "errno 1"],
  ["signals not all", {}, "kill", [0xffff_ffff], "errno 1"],
  ["keeps its parent's death", {}, "prctl", [1], "errno 1"],
  ["names threads", {}, "prctl", [15], "allow"],
  ["reads limits", {}, "prlimit64", [0, 7, 0], "allow"],
  ["sets no limits", {}, "prlimit64", [0, 7, 0x7000], "errno 1"],
  ["sets no limits from afar", {}, "prlimit64", [0, 7, 2 ** 32], "errno 1"],
  ["types nothing", {}, "ioctl", [0, 0x5412], "errno 1"],
  ["asks what waits", {}, "ioctl", [0, 0x541b], "allow"],
  ["makes no sockets", {}, "socket", [2], "errno 1"],
  ["listens", { sockets: "listening" }, "socket", [10], "allow"],
  [
    "connects not if it listens",
    { sockets: "listening" },
    "connect",
    [],
    "errno 1",
  ],
  ["connects", { sockets: "connecting" }, "connect", [], "allow"],
  [
    "makes no local sockets",
    { sockets: "connecting" },
    "socket",
    [1],
    "errno 1",
  ],
  ["makes no packets", { sockets: "connecting" }, "socket", [17], "errno 1"],
  ["makes no calls that it does not know", {}, 9999, [], "errno 1"],
  ["makes no calls of x32", {}, 0x4000_0001, [], "errno 1"],
];
for (const arch of ["x86_64", "aarch64"] as const) {
  for (const [claim, needs, call, args, want] of cases) {
    Deno.test(`seccompFilter() of ${arch}: a runner ${claim}`, () => {
      const { number, auditArch } = systemCalls(arch);
      const callNumber = typeof call === "number" ? call : number(call) ?? -1;
      const program = seccompFilter({ ...plain, arch, ...needs });
      const data = { arch: auditArch, number: callNumber, args };
      assert.equal(run(program, data), want);
    });
  }
}

Deno.test("seccompFilter() ends a process that uses another processor's calls", () => {
  const data = { arch: 0x4000_0003, number: 0, args: [] };
  assert.equal(run(seccompFilter(plain), data), "kill");
});

Deno.test("seccompFilter() is as short as the kernel demands", () => {
  const program = seccompFilter({ ...plain, sockets: "connecting" });
  assert.ok(program.length / 8 < 4096);
});

/** As the kernel runs it; every jump must stay in the program. */
function run(
  program: Uint8Array,
  { number, arch, args }: {
    readonly number: number;
    readonly arch: number;
    readonly args: readonly number[];
  },
): string {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, number, true);
  data.setUint32(4, arch, true);
  for (const [i, value] of args.entries()) {
    data.setBigUint64(16 + i * 8, BigInt(value), true);
  }
  const view = new DataView(program.buffer);
  let value = 0;
  for (let at = 0;; at++) {
    const k = view.getUint32(at * 8 + 4, true);
    switch (view.getUint16(at * 8, true)) {
      case 0x20:
        value = data.getUint32(k, true);
        break;
      case 0x54:
        value = (value & k) >>> 0;
        break;
      case 0x15:
        at += view.getUint8(at * 8 + (value === k ? 2 : 3));
        break;
      case 0x06:
        return verdict(k);
      default:
        throw new Error("unknown instruction");
    }
  }
}

function verdict(k: number): string {
  if (k === 0x7fff_0000) return "allow";
  return k === 0x8000_0000 ? "kill" : `errno ${k & 0xffff}`;
}

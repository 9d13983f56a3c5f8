import assert from "node:assert/strict";
import { needing } from "../../tests/needing.ts";
import {
  clockFinding,
  findSystem,
  machineFindings,
  parseSystem,
} from "./doctor_system.ts";
import type { HostFacts } from "./facts.ts";
import { startTestHost, testHostMissing } from "./test_host.ts";

for (
  const [ms, uncertaintyMs, verdict, found] of [
    [400, 20, "ok", "as this machine's"],
    [-4_900, 20, "ok", "4.9 s behind this machine's"],
    [5_100, 20, "warn", "5.1 s ahead of this machine's"],
    [-6_000, 2_000, "ok", "6.0 s behind this machine's"],
    [-299_000, 20, "warn", "299.0 s behind this machine's"],
    [301_000, 20, "fail", "301.0 s ahead of this machine's"],
  ] as const
) {
  Deno.test(`clockFinding() is ${verdict} at ${ms} ms, give or take ${uncertaintyMs}`, () => {
    const finding = clockFinding({ ms, uncertaintyMs });
    assert.equal(finding.verdict, verdict);
    assert.equal(finding.found, found);
    assert.equal(finding.remedy !== undefined, verdict !== "ok");
  });
}

Deno.test("clockFinding() warns of a host without a clock", () => {
  assert.equal(clockFinding(undefined).verdict, "warn");
});

Deno.test("machineFindings() fails an architecture that farlet has no pause program for", () => {
  const verdicts = (arch: string) =>
    Object.fromEntries(
      [...machineFindings({ ...facts, arch }, { memoryAvailable: 2 ** 30 })]
        .map(({ check, verdict }) => [check, verdict]),
    );
  assert.equal(verdicts("s390x")["architecture"], "fail");
  assert.equal(verdicts("riscv64")["architecture"], "ok");
});

Deno.test("machineFindings() warns of little memory", () => {
  for (const [available, verdict] of [[2 ** 20, "warn"], [2 ** 28, "ok"]]) {
    const memoryAvailable = Number(available);
    const memory = [...machineFindings(facts, { memoryAvailable })]
      .find(({ check }) => check === "memory");
    assert.equal(memory?.verdict, verdict);
  }
});

Deno.test("parseSystem() reads what the script prints", () => {
  const system = parseSystem(`welcome
=== posix
yes
=== connection
10.0.0.1 5000 fe80::1 2222
=== uid
1000
=== user
pi
=== groups
pi docker
=== capabilities
000001ffffdfffff
=== programs
awk
tar
=== directory
/home/pi/.local/share/farlet
=== writable
yes
=== meminfo
MemAvailable:    1024 kB
=== controllers
cpu memory pids
=== lingers
=== end
`);
  const { has, ...rest } = system;
  assert.deepEqual(rest, {
    ...{ posix: true, user: "pi", uid: 1000, groups: "pi docker" },
    ...{ isRoot: false, mayWrite: true, mayMount: false, lingers: false },
    directory: "/home/pi/.local/share/farlet",
    sshd: { host: "fe80::1", port: 2222 },
    memoryAvailable: 2 ** 20,
    controllers: ["cpu", "memory", "pids"],
  });
  assert.deepEqual(["awk", "sed"].map(has), [true, false]);
});

Deno.test("parseSystem() takes anything else for no shell", () => {
  for (
    const text of ["", "This account is not available.\n", "=== posix\nyes"]
  ) {
    assert.equal(parseSystem(text).posix, false, text);
  }
});

for (const programs of ["system", "busybox"] as const) {
  for (const user of [0, 4242]) {
    Deno.test({
      ...needing(
        testHostMissing(programs),
        `findSystem() finds nothing wrong with a host with the ${programs} programs, as user ${user}`,
      ),
      async fn() {
        await using host = await startTestHost({ programs, user });
        const found: string[] = [];
        const options = { signal: AbortSignal.timeout(30_000) };
        const finding = findSystem(host, options);
        let next = await finding.next();
        for (; !next.done; next = await finding.next()) {
          const { check, verdict } = next.value;
          // Not every busybox has flock, which farlet can do without.
          const lacks = programs === "busybox" && check === "tools";
          assert.notEqual(verdict, "fail", next.value.found);
          if (verdict !== "ok" && !lacks) found.push(`${verdict} ${check}`);
        }
        assert.deepEqual(found, user === 0 ? [] : ["warn user"]);
        assert.equal(next.value?.isRoot, user === 0);
        const directory = user === 0
          ? "/var/lib/farlet"
          : `${host.home}/.local/share/farlet`;
        assert.equal(next.value?.directory, directory);
        assert.ok(next.value?.controllers.includes("memory"));
      },
    });
  }
}

const facts: HostFacts = {
  ...{ arch: "amd64", hostname: "h", osImage: "", kernelVersion: "6.1" },
  ...{ machineId: "", bootId: "", model: "", cpus: 1, memoryBytes: 2 ** 30 },
  ...{ swapBytes: 0, cgroupVersion: 2, unprivilegedPortStart: 1024 },
  ...{ filesystem: undefined, imageFilesystem: undefined, clock: undefined },
};

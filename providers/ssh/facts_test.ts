import assert from "node:assert/strict";
import { needing } from "../../tests/needing.ts";
import {
  hostNodeFacts,
  labelValue,
  parseHostFacts,
  readHostFacts,
} from "./facts.ts";
import { clockSkew, parseDf } from "./host_readings.ts";
import { startTestHost, testHostMissing } from "./test_host.ts";

const times = { sentAt: 1_720_000_000_000, receivedAt: 1_720_000_000_100 };
const bootId = "0bb7dec3-93a3-453f-9273-fbd83e20fa89";

const alpine = `=== date
1720000003
=== uname
Linux
x86_64
6.6.32-0-lts
alpine
=== cpus
4
=== elf class
   2
=== meminfo
MemTotal:        8129148 kB
MemFree:         7540440 kB
MemAvailable:    7652464 kB
SwapTotal:       2097148 kB
=== os-release
NAME="Alpine Linux"
ID=alpine
VERSION_ID=3.20.0
PRETTY_NAME="Alpine Linux v3.20"
=== machine-id

=== boot_id
${bootId}
=== model
Standard PC (Q35 + ICH9, 2009)

=== cgroup
2
=== ports
1024
=== df
Filesystem           1024-blocks    Used Available Capacity Mounted on
/dev/vda3             19957960   1256472  17662348   7% /
=== df inodes
Filesystem              Inodes      Used Available Capacity Mounted on
/dev/vda3            1277952     38512   1239440   3% /
`;

/** A 64-bit kernel below a 32-bit system. */
const raspberry = `=== date
1719999999.250000000
=== uname
Linux
aarch64
6.6.31+rpt-rpi-v8
pi4
=== cpus
4
=== elf class
   1
=== meminfo
MemTotal:        3880452 kB
MemFree:         2934400 kB
MemAvailable:    3446232 kB
Buffers:           48980 kB
SwapTotal:        204796 kB
=== os-release
PRETTY_NAME="Raspbian GNU/Linux 12 (bookworm)"
NAME="Raspbian GNU/Linux"
ID=raspbian
=== machine-id
5a2c8f0d3b5e4c4f9d6e7a8b9c0d1e2f

=== boot_id
${bootId}
=== model
Raspberry Pi 4 Model B Rev 1.4
=== cgroup
2
=== ports
1024
=== df
Filesystem     1024-blocks    Used Available Capacity Mounted on
/dev/mmcblk0p2    30334212 4120308  24935396      15% /
=== df inodes
Filesystem     Inodes IUsed  IFree IUse% Mounted on
/dev/mmcblk0p2 1889440 97012 1792428    6% /
=== image df
Filesystem     1024-blocks    Used Available Capacity Mounted on
/dev/sda1        122505168  102420 116134836       1% /mnt/my disk
=== image df inodes
Filesystem     Inodes IUsed  IFree IUse% Mounted on
/dev/sda1      7815168    11 7815157    1% /mnt/my disk
`;

/** btrfs: no number of inodes. */
const fedora = `=== date
1720000000.050000000
=== uname
Linux
aarch64
6.9.7-200.fc40.aarch64
fedora.example.com
=== cpus
8
=== elf class
   2
=== meminfo
MemTotal:       16284316 kB
SwapTotal:       8388604 kB
=== os-release
NAME="Fedora Linux"
VERSION="40 (Server Edition)"
PRETTY_NAME="Fedora Linux 40 (Server Edition)"
=== machine-id
c7f7b1d9c2a04a5f8c1c9e5e0f0e1d2c

=== boot_id
${bootId}
=== model

=== cgroup
2
=== ports
80
=== df
Filesystem                        1024-blocks    Used Available Capacity Mounted on
/dev/mapper/luks-0a1b2c3d-1111      498426880 5678901 491000000       2% /
=== df inodes
Filesystem                     Inodes IUsed IFree IUse% Mounted on
/dev/mapper/luks-0a1b2c3d-1111      0     0     0     - /
`;

Deno.test("parseHostFacts() reads Alpine", () => {
  const { clock, filesystem, ...facts } = parseHostFacts(alpine, times);
  assert.deepEqual(facts, {
    arch: "amd64",
    hostname: "alpine",
    osImage: "Alpine Linux v3.20",
    kernelVersion: "6.6.32-0-lts",
    machineId: "",
    bootId,
    model: "Standard PC (Q35 + ICH9, 2009)",
    cpus: 4,
    memoryBytes: 8129148 * 1024,
    swapBytes: 2097148 * 1024,
    cgroupVersion: 2,
    unprivilegedPortStart: 1024,
    imageFilesystem: undefined,
  });
  assert.deepEqual(filesystem, {
    capacityBytes: 19957960 * 1024,
    usedBytes: 1256472 * 1024,
    availableBytes: 17662348 * 1024,
    inodes: 1277952,
    inodesFree: 1239440,
  });
  assert.deepEqual(clock, { ms: 3450, uncertaintyMs: 550 });
});

Deno.test("parseHostFacts() reads Raspberry Pi OS of 32 bits", () => {
  const facts = parseHostFacts(raspberry, times);
  assert.equal(facts.arch, "arm");
  assert.equal(facts.machineId, "5a2c8f0d3b5e4c4f9d6e7a8b9c0d1e2f");
  assert.equal(facts.imageFilesystem?.capacityBytes, 122505168 * 1024);
  assert.deepEqual(facts.clock, { ms: -800, uncertaintyMs: 50 });
  assert.deepEqual(
    hostNodeFacts(facts, { runtimeVersion: "docker://27.1.1", maxPods: 50 }),
    {
      os: "linux",
      arch: "arm",
      hostname: "pi4",
      osImage: "Raspbian GNU/Linux 12 (bookworm)",
      kernelVersion: "6.6.31+rpt-rpi-v8",
      runtimeVersion: "docker://27.1.1",
      machineId: "5a2c8f0d3b5e4c4f9d6e7a8b9c0d1e2f",
      bootId,
      cpuMillis: 4000,
      memoryBytes: 3880452 * 1024,
      ephemeralStorageBytes: 30334212 * 1024,
      pods: 50,
      instanceType: "Raspberry-Pi-4-Model-B-Rev-1.4",
    },
  );
});

Deno.test("parseHostFacts() reads Fedora on btrfs", () => {
  const facts = parseHostFacts(fedora, times);
  assert.equal(facts.arch, "arm64");
  assert.equal(facts.unprivilegedPortStart, 80);
  assert.deepEqual(facts.filesystem, {
    capacityBytes: 498426880 * 1024,
    usedBytes: 5678901 * 1024,
    availableBytes: 491000000 * 1024,
  });
  assert.equal(
    hostNodeFacts(facts, { runtimeVersion: "", maxPods: 1 }).instanceType,
    "ssh",
  );
});

for (
  const [machine, elf, arch] of [
    ["x86_64", 2, "amd64"],
    ["x86_64", 1, "386"],
    ["i686", 1, "386"],
    ["aarch64", 2, "arm64"],
    ["armv6l", 1, "arm"],
    ["armv7l", 1, "arm"],
    ["armv8l", 1, "arm"],
    ["riscv64", 2, "riscv64"],
    ["ppc64le", 2, "ppc64le"],
    ["s390x", 2, "s390x"],
    ["loongarch64", 2, "loong64"],
  ] as const
) {
  Deno.test(`parseHostFacts() calls ${machine} with ${elf * 32} bits ${arch}`, () => {
    const text = `=== uname\nLinux\n${machine}\n6\nh\n=== elf class\n ${elf}\n`;
    assert.equal(parseHostFacts(text, times).arch, arch);
  });
}

Deno.test("parseHostFacts() takes what says next to nothing, but no other system", () => {
  const facts = parseHostFacts("=== uname\nLinux\nx86_64\n6\nh\n", times);
  assert.equal(facts.cpus, 1);
  assert.equal(facts.cgroupVersion, 1);
  assert.equal(facts.unprivilegedPortStart, 1024);
  assert.equal(facts.filesystem, undefined);
  assert.equal(facts.clock, undefined);
  assert.throws(
    () => parseHostFacts("=== uname\nDarwin\narm64\n23\nmac\n", times),
    /a host that runs Darwin: only Linux has containers/,
  );
});

Deno.test("parseDf() takes no header for numbers", () => {
  assert.equal(parseDf("", ""), undefined);
  assert.equal(
    parseDf(
      "Filesystem 1024-blocks Used Available Capacity Mounted on\nproc 0 0 0 - /proc\n",
      "",
    ),
    undefined,
  );
});

Deno.test("clockSkew() has the middle of what it may be", () => {
  assert.deepEqual(clockSkew("1720000000.050000000", times), {
    ms: 0,
    uncertaintyMs: 50,
  });
  // Hosts whose date knows no fraction print the letters.
  assert.deepEqual(clockSkew("1720000000.%N", times)?.uncertaintyMs, 550);
  assert.equal(clockSkew("", times), undefined);
});

Deno.test("labelValue() is a value that labels may have", () => {
  assert.equal(
    labelValue("Standard PC (Q35 + ICH9, 2009)"),
    "Standard-PC-Q35-ICH9-2009",
  );
  assert.equal(labelValue(`${"a".repeat(62)} b`), "a".repeat(62));
  assert.equal(labelValue("(…)"), "");
});

for (const programs of ["system", "busybox"] as const) {
  Deno.test({
    ...needing(
      testHostMissing(programs),
      `readHostFacts() reads this machine with the programs of ${programs}`,
    ),
    async fn() {
      await using host = await startTestHost({ programs, user: 1234 });
      const { signal } = new AbortController();
      const facts = await readHostFacts(host, {
        directory: `${host.home}/not/there yet`,
        storageDir: "/",
        signal,
      });
      const { total } = Deno.systemMemoryInfo();
      assert.equal(facts.memoryBytes, total);
      assert.equal(
        facts.arch,
        Deno.build.arch === "x86_64" ? "amd64" : "arm64",
      );
      assert.equal(facts.kernelVersion, Deno.osRelease());
      assert.equal(facts.hostname, Deno.hostname());
      assert.equal(facts.cpus, navigator.hardwareConcurrency);
      for (const disk of [facts.filesystem, facts.imageFilesystem]) {
        assert.ok(disk !== undefined && disk.capacityBytes > disk.usedBytes);
        assert.ok((disk.inodes ?? 0) > (disk.inodesFree ?? 0));
      }
      const { ms = Infinity, uncertaintyMs = 0 } = facts.clock ?? {};
      assert.ok(Math.abs(ms) <= uncertaintyMs, `${ms} ± ${uncertaintyMs}`);
    },
  });
}

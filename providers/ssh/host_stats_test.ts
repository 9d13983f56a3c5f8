import assert from "node:assert/strict";
import { needing } from "../../tests/needing.ts";
import { parseHostStats, readHostStats } from "./host_stats.ts";
import { startTestHost, testHostMissing } from "./test_host.ts";

const text = `=== stat
cpu  100 20 30 4000 50 6 7 8 9 1
btime 1700000000
=== meminfo
MemTotal:        1000 kB
MemFree:          300 kB
MemAvailable:     600 kB
Cached:           200 kB
=== network
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       9       8    0    0    0     0          0         0        9       8    0    0    0     0       0          0
  eth0:    1000      10    2    0    0     0          0         0     2000      20    3    0    0     0       0          0
veth1a:    1000      10    2    0    0     0          0         0     2000      20    3    0    0     0       0          0
=== df
Filesystem     1024-blocks Used Available Capacity Mounted on
/dev/sda1              100   40        50      45% /
=== df inodes
Filesystem     Inodes IUsed IFree IUse% Mounted on
/dev/sda1          10     4     6   40% /
`;

Deno.test("parseHostStats() has what the host uses", () => {
  const at = new Date(1_720_000_000_000);
  assert.deepEqual(parseHostStats(text, at), {
    at,
    startedAt: new Date(1_700_000_000_000),
    cpuNanos: (100 + 20 + 30 + 6 + 7 + 8) * 1e7,
    memoryBytes: 400 * 1024,
    memoryAvailableBytes: 600 * 1024,
    memoryUsageBytes: 700 * 1024,
    filesystem: {
      capacityBytes: 100 * 1024,
      usedBytes: 40 * 1024,
      availableBytes: 50 * 1024,
      inodes: 10,
      inodesFree: 6,
    },
    interfaces: [
      { name: "eth0", rxBytes: 1000, rxErrors: 2, txBytes: 2000, txErrors: 3 },
    ],
  });
});

Deno.test("parseHostStats() reads old kernels, and hosts whose clock is ahead", () => {
  const at = new Date(1_600_000_000_000);
  const sample = parseHostStats(text.replace(/MemAvailable.*\n/, ""), at);
  assert.equal(sample.memoryAvailableBytes, 500 * 1024);
  assert.deepEqual(sample.startedAt, at);
});

const disks = (device: string, mountPoint: string) =>
  `=== images df
Filesystem     1024-blocks Used Available Capacity Mounted on
${device}             100   40        20      85% ${mountPoint}
`;

for (
  const [device, mountPoint, dedicated] of [
    ["/dev/sdb1", "/mnt/my images", true],
    ["/dev/sda1", "/var/lib/containers", false],
    ["tmpfs", "/", false],
    ["tmpfs", "/images", true],
  ] as const
) {
  Deno.test(
    `parseHostStats() finds ${device} at ${mountPoint} to be ${
      dedicated ? "another disk" : "the same disk"
    }`,
    () => {
      const sample = parseHostStats(
        text + disks(device, mountPoint),
        new Date(),
      );
      assert.deepEqual(sample.imageFilesystem, {
        capacityBytes: 100 * 1024,
        usedBytes: 40 * 1024,
        availableBytes: 20 * 1024,
        dedicated,
      });
    },
  );
}

Deno.test("parseHostStats() counts processes against the smaller limit", () => {
  const counts = `=== loadavg
0.10 0.20 0.30 2/345 6789
=== pid max
32768
=== threads max
9000
`;
  const { processes } = parseHostStats(text + counts, new Date());
  assert.deepEqual(processes, { running: 345, max: 9000 });
});

Deno.test("parseHostStats() does not take what nobody could read for an empty host", () => {
  const sample = parseHostStats("=== stat\n=== meminfo\n=== df\n", new Date());
  assert.equal(sample.memoryAvailableBytes, undefined);
  assert.equal(sample.filesystem, undefined);
  assert.equal(sample.imageFilesystem, undefined);
  assert.equal(sample.processes, undefined);
});

for (const programs of ["system", "busybox"] as const) {
  Deno.test({
    ...needing(
      testHostMissing(programs),
      `readHostStats() measures this machine with the programs of ${programs}`,
    ),
    async fn() {
      await using host = await startTestHost({ programs, user: 1234 });
      const { signal } = new AbortController();
      const sample = await readHostStats(host, {
        pods: "/",
        images: "/",
      }, { signal });
      assert.ok(sample.cpuNanos > 0 && sample.startedAt < sample.at);
      assert.ok(sample.memoryBytes > 0);
      assert.ok((sample.filesystem?.capacityBytes ?? 0) > 0);
      assert.deepEqual(sample.imageFilesystem, {
        ...sample.filesystem,
        availableBytes: sample.imageFilesystem?.availableBytes,
        usedBytes: sample.imageFilesystem?.usedBytes,
        inodesFree: sample.imageFilesystem?.inodesFree,
        dedicated: false,
      });
      const { running = 0, max = 0 } = sample.processes ?? {};
      assert.ok(running > 1 && running < max, `${running} of ${max}`);
    },
  });
}

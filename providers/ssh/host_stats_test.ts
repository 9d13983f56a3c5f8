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

for (const programs of ["system", "busybox"] as const) {
  Deno.test({
    ...needing(
      testHostMissing(programs),
      `readHostStats() measures this machine with the programs of ${programs}`,
    ),
    async fn() {
      await using host = await startTestHost({ programs, user: 1234 });
      const { signal } = new AbortController();
      const sample = await readHostStats(host, "/", { signal });
      assert.ok(sample.cpuNanos > 0 && sample.startedAt < sample.at);
      assert.ok(sample.memoryBytes > 0);
      assert.ok((sample.filesystem?.capacityBytes ?? 0) > 0);
    },
  });
}

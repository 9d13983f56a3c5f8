import assert from "node:assert/strict";
import { needing } from "../../tests/needing.ts";
import { podFiles, uid } from "./test_pod_files.ts";
import { startTestHost, testHostMissing } from "./test_host.ts";
import { HostVolumeUsage } from "./volume_usage.ts";

const { signal } = new AbortController();

for (const programs of ["system", "busybox"] as const) {
  Deno.test({
    ...needing(
      testHostMissing(programs),
      `HostVolumeUsage measures volumes now and then with the programs of ${programs}`,
    ),
    async fn() {
      await using host = await startTestHost({ programs });
      const files = podFiles(host);
      const empty = { kind: "emptyDir", medium: "" } as const;
      await files.setVolume(uid, { ...empty, name: "full" }, { signal });
      await files.setVolume(uid, { ...empty, name: "gone" }, { signal });
      await files.setVolume(
        uid,
        { kind: "hostPath", name: "host", path: "/usr", type: "" },
        { signal },
      );
      const volumes = files.placedVolumes();
      const path = (name: string) =>
        volumes.find(({ volume }) => volume === name)?.path ?? "";
      await host.root(
        'cd "$1"; mkdir in; head -c 100000 /dev/zero >in/file; mkdir other; mount -t tmpfs x other; head -c 9000000 /dev/zero >other/file',
        path("full"),
      );
      await host.root('rm -r "$1"', path("gone"));
      await using usage = new HostVolumeUsage(host);
      const runs = host.runs;
      const deadline = Date.now() + 20_000;
      let samples = await usage.sample(volumes, { signal });
      while (samples.length === 0 && Date.now() < deadline) {
        samples = await usage.sample(volumes, { signal });
      }
      assert.deepEqual(samples.map(({ volume }) => volume), ["full"]);
      const [full] = samples;
      assert.ok(full !== undefined && full.podUid === uid);
      assert.ok(
        full.usedBytes >= 100_000 && full.usedBytes < 200_000,
        `${full.usedBytes} bytes`,
      );
      assert.equal(full.inodesUsed, 4);
      assert.ok((full.capacityBytes ?? 0) > (full.availableBytes ?? 0));
      assert.equal(host.runs - runs, 1);
      assert.deepEqual(await usage.sample(volumes.slice(1), { signal }), []);
      assert.equal(host.runs - runs, 1);
    },
  });
}

Deno.test({
  ...needing(
    testHostMissing(),
    "HostVolumeUsage lives with a host that is gone",
  ),
  async fn() {
    await using host = await startTestHost();
    host.run = () => Promise.reject(new Error("gone"));
    await using usage = new HostVolumeUsage(host);
    const volume = { podUid: uid, volume: "a", kind: "emptyDir", path: "/a" };
    const volumes = [{ ...volume, kind: "emptyDir" }] as const;
    assert.deepEqual(await usage.sample(volumes, { signal }), []);
  },
});

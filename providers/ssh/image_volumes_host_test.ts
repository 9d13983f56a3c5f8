/** Images as volumes of pods on a host with a real Podman. */
import assert from "node:assert/strict";
import { needing } from "../../tests/needing.ts";
import { agnhostImage } from "../../tests/ssh_hosts.ts";
import { engineMissing, SshBench, startEngineHost } from "./test_bench.ts";

Deno.test({
  ...needing(
    engineMissing("podman"),
    "SshRuntime mounts an image read-only, keeps it from removal, and leaves nothing of it",
  ),
  async fn() {
    await using machine = await startEngineHost("podman");
    await using bench = await SshBench.open(machine);
    const { runtime, options } = bench;
    await bench.createSandbox();
    const image = await bench.engine.inspectImage(agnhostImage, options);
    const imageId = image?.Id ?? "";
    const mount = { volume: "data", mountPath: "/data", readOnly: true };
    const mounts = [mount, { ...mount, mountPath: "/part", subPath: "etc" }];
    const volume = { name: "data", image: agnhostImage, imageId };
    await runtime.setImageVolume("uid-1", volume, options);
    await bench.start("ls /data/agnhost /part/passwd; touch /data/new", {
      mounts,
    });
    assert.equal((await bench.exit()).code, 1);
    assert.match(
      await bench.logs(),
      /^\/data\/agnhost\n\/part\/passwd\ntouch: .*Read-only file system\n$/,
    );
    const missing = { ...mount, subPath: "etc/none" };
    await assert.rejects(
      bench.start("true", { name: "other", mounts: [missing] }),
      { reason: "CreateContainerError", message: /^ImageVolumeMountFailed: / },
    );
    await machine.exec("podman", "image", "prune", "-af");
    await machine.exec("podman", "image", "exists", imageId);
    await bench.reopen();
    await bench.runtime.setImageVolume("uid-1", volume, options);
    await bench.start("cat /part/passwd", { attempt: 1, mounts });
    await bench.until(({ containers: [web] }) =>
      web?.attempt === 1 && web.state.kind === "terminated"
    );
    await bench.runtime.removeSandbox("uid-1", options);
    assert.deepEqual(await bench.names(), []);
    const all = await machine.exec("cat", "/proc/mounts");
    assert.doesNotMatch(all, /merged|node-1\/pods/);
  },
});

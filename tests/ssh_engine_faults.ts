import assert from "node:assert/strict";
import { eventually } from "./agent_process.ts";
import { phase } from "./cluster_pods.ts";
import type { TestHost } from "./ssh_hosts.ts";
import {
  assertTicks,
  killEngine,
  killSshd,
  nodeIs,
  runningOn,
  runsAgain,
  runScript,
  type SshStage,
  type StageSteps,
  startEngine,
  startSshd,
  ticking,
  timed,
} from "./ssh_stage.ts";

/** Gives farlet's directory a disk of its own, with little space. */
export async function giveSmallDisk(host: TestHost): Promise<void> {
  await host.shell(`
    mkdir -p /var/lib/farlet
    mount -t tmpfs -o size=1m,mode=700 tmpfs /var/lib/farlet`);
}

/** What runs on the host dies; its disk is full. */
export const engineFaults: StageSteps = {
  async "a killed sshd restarts no container"(stage) {
    const { host } = stage;
    await runScript(stage, "ticker", ticking, { restartPolicy: "Always" });
    const before = await runsAgain(stage, "ticker", 0);
    await killSshd(host);
    await nodeIs(stage, { HostReachable: /^False / });
    await startSshd(host);
    await timed(
      "a new sshd is used",
      () => nodeIs(stage, { Ready: /^True /, HostReachable: /^True / }),
    );
    await sameRun(stage, before.containerID);
  },

  async "a killed engine restarts no container, and its node says why it is not ready"(
    stage,
  ) {
    const before = await runsAgain(stage, "ticker", 0);
    await killEngine(stage);
    await timed("a dead engine is noticed", () =>
      nodeIs(stage, {
        Ready: /^False EngineUnreachable$/,
        HostReachable: /^True /,
      }));
    await startEngine(stage);
    await timed(
      "a new engine is used",
      () => nodeIs(stage, { Ready: /^True / }),
    );
    await sameRun(stage, before.containerID);
  },

  async "a pod whose sandbox was killed gets a new one, and runs again"(stage) {
    const { host } = stage;
    const ids = await host.exec(
      ...["podman", "ps", "-q", "--filter"],
      "label=io.kubernetes.pod.name=ticker",
      ...["--filter", "label=farlet.dev/kind=sandbox"],
    );
    await host.exec("podman", "kill", ids.trim());
    await timed("a pod has a new sandbox", () => runsAgain(stage, "ticker", 1));
    assert.equal((await runningOn(stage, "ticker")).length, 2);
  },

  async "a container that somebody removed is started again"(stage) {
    const { host } = stage;
    const before = await runsAgain(stage, "ticker", 1);
    const id = `${before.containerID}`.replace(/^.*:\/\//, "");
    await host.exec("podman", "rm", "-f", "-t", "0", id);
    await timed(
      "a removed container runs again",
      () => runsAgain(stage, "ticker", 2),
    );
    assert.equal((await runningOn(stage, "ticker")).length, 2);
  },

  async "a full disk is told of, and forgotten when there is space"(stage) {
    const { cluster, host } = stage;
    await host.shell(
      "head -c 2000000 /dev/zero >/var/lib/farlet/filler 2>/dev/null || true",
    );
    const words = "x".repeat(100_000);
    await cluster.kubectl(["create", "-f", "-"], {
      stdin: JSON.stringify({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "large" },
        data: { words },
      }),
    });
    await runScript(stage, "large", "wc -c </words/words; exec sleep 1000", {
      volumes: [{ name: "words", configMap: { name: "large" } }],
    }, { volumeMounts: [{ name: "words", mountPath: "/words" }] });
    await eventually(async () => {
      const text = await cluster.kubectl(["describe", "pod", "large"]);
      assert.match(text, /Warning .*No space left on device/);
    });
    await host.shell("rm /var/lib/farlet/filler");
    await timed(
      "a pod runs once there is space",
      () => phase(cluster, "large", "Running"),
    );
    await eventually(async () => {
      assert.equal(await cluster.kubectl(["logs", "large"]), "100000\n");
    });
  },
};

async function sameRun(
  stage: SshStage,
  containerID: string | undefined,
): Promise<void> {
  const after = await runsAgain(stage, "ticker", 0);
  assert.equal(after.containerID, containerID);
  assert.equal((await runningOn(stage, "ticker")).length, 2);
  await eventually(async () => {
    assertTicks(await stage.cluster.kubectl(["logs", "ticker"]));
  });
}

import assert from "node:assert/strict";
import { dirname } from "node:path";
import { eventually } from "./agent_process.ts";
import { phase } from "./cluster_pods.ts";
import type { TestHost } from "./ssh_hosts.ts";
import {
  killSshd,
  nodeIs,
  runsAgain,
  runScript,
  type StageSteps,
  startSshd,
  ticking,
  timed,
} from "./ssh_stage.ts";

/** Makes an sshd that forwards nothing and has one session at a time. */
export async function restrictSshd(host: TestHost): Promise<void> {
  await killSshd(host);
  await startSshd(
    host,
    [
      "s/^AllowStreamLocalForwarding.*/AllowStreamLocalForwarding no/",
      "$ a AllowTcpForwarding no",
      "$ a MaxSessions 1",
    ].join("\n"),
  );
}

/** sshd allows little, or is another one. */
export const sshdFaults: StageSteps = {
  async "a host that forwards nothing and has one session a connection works"(
    stage,
  ) {
    const { cluster } = stage;
    await nodeIs(stage, { Ready: /^True / });
    const names = ["narrow-0", "narrow-1", "narrow-2"];
    for (const name of names) {
      await runScript(stage, name, ticking, { restartPolicy: "Always" });
    }
    for (const name of names) await runsAgain(stage, name, 0);
    await Promise.all(names.map(async (name) => {
      const exec = ["exec", name, "--", "echo", "hello"];
      assert.equal(await cluster.kubectl(exec), "hello\n");
      await eventually(async () => {
        const logs = ["logs", name, "--tail=1"];
        assert.match(await cluster.kubectl(logs), /^\d+\n$/);
      });
    }));
    await runScript(stage, "short", "echo done");
    await phase(cluster, "short", "Succeeded");
    assert.equal(await cluster.kubectl(["logs", "short"]), "done\n");
  },

  async "a host that shows another key is not talked to"(stage) {
    const { host } = stage;
    const before = await runsAgain(stage, "narrow-0", 0);
    const key = `${dirname(host.keyFile)}/host_key`;
    await killSshd(host);
    await host.shell(`
      : >/run/sshd.log
      mv ${key} ${key}.good
      ssh-keygen -q -t ed25519 -N '' -f ${key}`);
    await startSshd(host);
    await timed("a wrong host key is noticed", () =>
      nodeIs(stage, {
        Ready: /^False /,
        HostReachable: /^False HostKeyMismatch$/,
      }));
    assert.doesNotMatch(
      await host.exec("cat", "/run/sshd.log"),
      /Accepted|publickey/,
    );
    await killSshd(host);
    await host.exec("mv", `${key}.good`, key);
    await startSshd(host);
    await timed(
      "the right key is tried again",
      () =>
        nodeIs(stage, { Ready: /^True /, HostReachable: /^True / }, {
          limit: 60_000,
        }),
    );
    const after = await runsAgain(stage, "narrow-0", 0);
    assert.equal(after.containerID, before.containerID);
  },
};

import assert from "node:assert/strict";
import { delay } from "../async/delay.ts";
import type { Pod } from "../k8s/types.ts";
import { eventually } from "./agent_process.ts";
import { get, phase } from "./cluster_pods.ts";
import {
  assertTicks,
  nodeIs,
  runningOn,
  runsAgain,
  runScript,
  type StageSteps,
  ticking,
  timed,
} from "./ssh_stage.ts";

/** Milliseconds without a link. */
const absence = Number(Deno.env.get("FARLET_TEST_CUT_SECONDS") ?? 25) * 1000;

/** The host goes away, and comes back as it was or rebooted. */
export const linkFaults: StageSteps = {
  async "a cut link makes the node not ready, and nothing else changes"(stage) {
    const { cluster, host } = stage;
    await runScript(stage, "steady", ticking, { restartPolicy: "Always" });
    await runScript(stage, "doomed", "exec sleep 1000");
    await runScript(stage, "brief", "sleep 8; exit 7");
    for (const name of ["steady", "doomed", "brief"]) {
      await phase(cluster, name, "Running");
    }
    const before = await get<Pod>(cluster, "pod/steady");
    const begun = performance.now();
    await host.cut();
    const noticed = await timed("a cut link is noticed", () =>
      nodeIs(stage, {
        Ready: /^False /,
        HostReachable: /^False /,
      }));
    assert.ok(noticed < 20_000, `noticed after ${noticed} ms`);
    await cluster.kubectl(["delete", "pod", "doomed", "--wait=false"]);
    const { signal } = new AbortController();
    const rest = absence - (performance.now() - begun);
    await delay(Math.max(0, rest), { signal });
    const during = await get<Pod>(cluster, "pod/steady");
    assert.equal(during.status?.phase, "Running");
    assert.deepEqual(
      during.status?.containerStatuses,
      before.status?.containerStatuses,
    );
    await cluster.kubectl(["get", "pod", "doomed"]);
    await host.heal();
    await timed(
      "a healed link is used again",
      () => nodeIs(stage, { Ready: /^True /, HostReachable: /^True / }),
    );
    await eventually(async () => {
      const brief = await get<Pod>(cluster, "pod/brief");
      const [app] = brief.status?.containerStatuses ?? [];
      assert.equal(app?.state?.terminated?.exitCode, 7);
      assert.equal(brief.status?.phase, "Failed");
      const pods = await cluster.kubectl(["get", "pods", "-o", "name"]);
      assert.doesNotMatch(pods, /doomed/);
    });
    assert.deepEqual(await runningOn(stage, "doomed"), []);
    const after = await runsAgain(stage, "steady", 0);
    const [app] = before.status?.containerStatuses ?? [];
    assert.equal(after.containerID, app?.containerID);
    assert.equal((await runningOn(stage, "steady")).length, 2);
    await eventually(async () => {
      assertTicks(await cluster.kubectl(["logs", "steady"]));
    });
  },

  async "after a reboot pods come back as their restart policy says"(stage) {
    const { cluster, host } = stage;
    await cluster.kubectl([
      ...["create", "configmap", "boot", "--from-literal=word=hello"],
    ]);
    const script = "cat /words/word; echo; exec sleep 1000";
    const volumes = [
      { name: "words", configMap: { name: "boot" } },
      { name: "ram", emptyDir: { medium: "Memory" } },
    ];
    const volumeMounts = [
      { name: "words", mountPath: "/words" },
      { name: "ram", mountPath: "/ram" },
    ];
    await runScript(stage, "always", script, {
      restartPolicy: "Always",
      volumes,
    }, { volumeMounts });
    await runScript(stage, "never", "exec sleep 1000");
    await runScript(stage, "done", "true");
    await phase(cluster, "always", "Running");
    await phase(cluster, "never", "Running");
    const done = await phase(cluster, "done", "Succeeded");
    const booting = await timed("the host reboots", () => host.reboot());
    assert.ok(booting > 0);
    const always = await timed(
      "a rebooted host's pods run again",
      () => runsAgain(stage, "always", 1),
    ).then(() => runsAgain(stage, "always", 1));
    assert.ok(always.lastState?.terminated?.reason, JSON.stringify(always));
    assert.notEqual(always.lastState.terminated.exitCode, 0);
    await runsAgain(stage, "steady", 1);
    await nodeIs(stage, { Ready: /^True /, HostReachable: /^True / });
    const never = await phase(cluster, "never", "Failed");
    assert.equal(never.status?.containerStatuses?.[0]?.restartCount, 0);
    const still = await get<Pod>(cluster, "pod/done");
    assert.deepEqual(
      still.status?.containerStatuses,
      done.status?.containerStatuses,
    );
    assert.equal((await runningOn(stage, "always")).length, 2);
    assert.equal((await runningOn(stage, "steady")).length, 2);
    assert.deepEqual(await runningOn(stage, "never"), []);
    assert.equal(await cluster.kubectl(["logs", "always"]), "hello\n");
  },
};

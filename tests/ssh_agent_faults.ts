import assert from "node:assert/strict";
import { delay } from "../async/delay.ts";
import type { Pod } from "../k8s/types.ts";
import { eventually } from "./agent_process.ts";
import { get, phase } from "./cluster_pods.ts";
import {
  assertTicks,
  firstContainer,
  image,
  nodeIs,
  runningOn,
  runsAgain,
  runScript,
  type SshStage,
  type StageSteps,
  ticking,
  timed,
} from "./ssh_stage.ts";

/** The agent dies. */
export const agentFaults: StageSteps = {
  async "a killed agent's successor adopts what runs"(stage) {
    const { agent, cluster } = stage;
    await runScript(stage, "adopted", ticking, { restartPolicy: "Always" });
    await phase(cluster, "adopted", "Running");
    const before = await runsAgain(stage, "adopted", 0);
    const ticks = assertTicks(await cluster.kubectl(["logs", "adopted"]));
    await agent.end("SIGKILL");
    agent.start();
    await timed("a new agent serves the node", () => served(stage));
    const after = await firstContainer(stage, "adopted");
    assert.deepEqual(after, before);
    const log = await cluster.kubectl(["logs", "adopted"]);
    assertTicks(log, ticks);
    assert.equal((await runningOn(stage, "adopted")).length, 2);
  },

  async "an agent killed while it makes ten pods leaves none out and none twice"(
    stage,
  ) {
    const { agent, cluster, host } = stage;
    const names = Array.from({ length: 10 }, (_, i) => `many-${i}`);
    await host.exec("mkdir", "-p", "/run/starts");
    await cluster.kubectl(["apply", "-f", "-"], {
      stdin: JSON.stringify({
        apiVersion: "v1",
        kind: "List",
        items: names.map((name) => marking(stage, name)),
      }),
    });
    const { signal } = new AbortController();
    for (let kills = 0; kills < 3; kills++) {
      // At any point: what is half done differs from run to run.
      await eventually(() => {
        assert.match(agent.stderr, /Registered node/);
        return Promise.resolve();
      });
      await delay(Math.random() * 1_500, { signal });
      await agent.end("SIGKILL");
      agent.start();
    }
    for (const name of names) await phase(cluster, name, "Running");
    for (const name of names) {
      const { restartCount } = await firstContainer(stage, name);
      assert.equal(restartCount, 0, name);
      assert.equal((await runningOn(stage, name)).length, 2, name);
      const starts = await host.exec("cat", `/run/starts/${name}`);
      assert.equal(starts, "start\n", name);
    }
    await cluster.kubectl(["delete", "pod", ...names]);
    await eventually(async () => {
      for (const name of names) {
        assert.deepEqual(await runningOn(stage, name), []);
      }
    });
  },
};

/** The API server dies, which all agents of a cluster notice. */
export const serverFaults: StageSteps = {
  async "what ends while the API server is away is known right afterwards"(
    stage,
  ) {
    const { cluster, host } = stage;
    await host.exec("mkdir", "-p", "/run/starts");
    const waits = "while [ ! -e /starts/go ]; do sleep 0.2; done; exit 5";
    const spec = { volumes: [startsVolume] };
    const container = { volumeMounts: [startsMount] };
    await runScript(stage, "ended", waits, spec, container);
    await runScript(stage, "crashed", waits, {
      ...spec,
      restartPolicy: "OnFailure",
    }, container);
    for (const name of ["ended", "crashed"]) {
      await phase(cluster, name, "Running");
    }
    await cluster.stopApiServer();
    await host.exec("touch", "/run/starts/go");
    await eventually(async () => {
      assert.equal((await runningOn(stage, "ended")).length, 1);
      assert.equal((await runningOn(stage, "crashed")).length, 1);
    });
    const { signal } = new AbortController();
    await delay(serverAbsence, { signal });
    await cluster.startApiServer();
    await timed("status after the API server's return", async () => {
      await eventually(async () => {
        const ended = await firstContainer(stage, "ended");
        assert.equal(ended.state?.terminated?.exitCode, 5);
        assert.equal(ended.restartCount, 0);
        const crashed = await firstContainer(stage, "crashed");
        assert.equal(crashed.lastState?.terminated?.exitCode, 5);
        assert.ok(crashed.restartCount >= 1);
      });
    });
    const pod = await get<Pod>(cluster, "pod/ended");
    assert.equal(pod.status?.phase, "Failed");
    await nodeIs(stage, { Ready: /^True / });
  },
};

/** Long enough for watches to end and for backoffs to grow. */
const serverAbsence = 10_000;

const startsVolume = { name: "starts", hostPath: { path: "/run/starts" } };
const startsMount = { name: "starts", mountPath: "/starts" };

/** A pod that leaves a mark on the host whenever it is started. */
function marking({ host }: SshStage, name: string): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      nodeName: host.name,
      terminationGracePeriodSeconds: 0,
      containers: [{
        name: "app",
        image,
        command: ["sh", "-c", `echo start >>/starts/${name}; sleep 1000`],
        volumeMounts: [startsMount],
      }],
      volumes: [startsVolume],
    },
  };
}

/** Resolves once an agent that was just started answers for its node. */
async function served({ agent, cluster }: SshStage): Promise<void> {
  await eventually(async () => {
    assert.match(agent.stderr, /Registered node/);
    await cluster.kubectl(["logs", "adopted", "--tail=1"]);
  });
}

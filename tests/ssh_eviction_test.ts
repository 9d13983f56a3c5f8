import assert from "node:assert/strict";
import type { Node, Pod } from "../k8s/types.ts";
import { eventually } from "./agent_process.ts";
import { get } from "./cluster_pods.ts";
import { controlPlaneMissing, startControlPlane } from "./controlplane.ts";
import { needing } from "./needing.ts";
import { sshHostsMissing, type TestHost } from "./ssh_hosts.ts";
import {
  nodeIs,
  openStage,
  runningOn,
  runsAgain,
  runScript,
  type SshStage,
  type StageSteps,
} from "./ssh_stage.ts";

/** Volumes are measured every ten seconds at best. */
const patience = { limit: 60_000 };

const storage: StageSteps = {
  async "a pod that overfills its emptyDir is evicted, and its neighbours live on"(
    stage,
  ) {
    const fill = (kilobytes: number) =>
      `head -c ${kilobytes}000 /dev/zero >/data/file; exec sleep 1000`;
    const mount = { volumeMounts: [{ name: "data", mountPath: "/data" }] };
    const volumes = [{ name: "data", emptyDir: { sizeLimit: "1Mi" } }];
    await runScript(stage, "modest", fill(500), { volumes }, mount);
    await runScript(stage, "greedy", fill(5000), { volumes }, mount);
    const { status, metadata } = await evicted(stage, "greedy");
    assert.equal(
      status?.message,
      'Usage of EmptyDir volume "data" exceeds the limit "1Mi". ',
    );
    const events = await stage.cluster.kubectl([
      ...["get", "events", "-o", "jsonpath={.items[*].reason}"],
      "--field-selector=involvedObject.name=greedy,type=Warning",
    ]);
    assert.match(events, /\bEvicted\b/);
    await eventually(async () => {
      assert.deepEqual(await runningOn(stage, "greedy"), []);
      const { host } = stage;
      const place = `/var/lib/farlet/${host.name}/pods/${metadata?.uid}`;
      const left = await host.exec("ls", place);
      assert.equal(left.includes("volumes"), false, left);
    });
    await runsAgain(stage, "modest", 0);
  },

  async "what containers write to the disk counts, theirs and the pod's"(
    stage,
  ) {
    const limited = { limits: { "ephemeral-storage": "1Mi" } };
    const script =
      "head -c 3000000 /dev/zero >/file; echo written; exec sleep 1000";
    await runScript(stage, "writer", script, {}, { resources: limited });
    const { status } = await evicted(stage, "writer");
    assert.equal(
      status?.message,
      "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ",
    );
  },
};

/** Leaves what an agent leaves behind that is killed in the wrong moment, and what is not ours. */
async function leaveOrphans(host: TestHost): Promise<void> {
  await host.shell(`
    cd /var/lib/farlet 2>/dev/null || { mkdir -p /var/lib/farlet && cd /var/lib/farlet; }
    mkdir -p ${host.name}/pods/lost/volumes/data ${host.name}/pods/lost/secrets
    mount -t tmpfs tmpfs ${host.name}/pods/lost/secrets
    echo x >${host.name}/pods/lost/secrets/key
    echo x >${host.name}/pods/lost/volumes/data/file
    mkdir -p ${host.name}-other/pods/foreign/volumes/data`);
}

const pressure: StageSteps = {
  async "room is made: files whose pod is gone are removed, those of others are not"(
    { host },
  ) {
    const root = `/var/lib/farlet/${host.name}`;
    await eventually(async () => {
      assert.equal(await host.exec("ls", `${root}/pods`), "");
    }, patience);
    assert.match(await host.exec("ls", `${root}-other/pods`), /^foreign$/m);
    await host.exec("rm", "-r", `${root}-other`);
  },

  async "a node whose disk runs full says so, and takes no more pods"(stage) {
    await nodeIs(stage, { DiskPressure: /^True KubeletHasDiskPressure/ });
    await eventually(async () => {
      const { spec } = await get<Node>(
        stage.cluster,
        `node/${stage.host.name}`,
      );
      const keys = (spec?.taints ?? []).map(({ key }) => key);
      assert.ok(keys.includes("node.kubernetes.io/disk-pressure"), `${keys}`);
    });
    await runScript(stage, "late", "exec sleep 1000");
    const { status } = await evicted(stage, "late");
    assert.equal(
      status?.message,
      "Pod was rejected: The node had condition: [DiskPressure]. ",
    );
  },
};

/** The pod once it was evicted. */
async function evicted({ cluster }: SshStage, name: string): Promise<Pod> {
  return await eventually(async () => {
    const pod = await get<Pod>(cluster, `pod/${name}`);
    const shown = JSON.stringify(pod.status, undefined, 1);
    assert.equal(pod.status?.phase, "Failed", shown);
    assert.equal(pod.status.reason, "Evicted", shown);
    return pod;
  }, patience);
}

const missing = sshHostsMissing() ?? controlPlaneMissing({ controllers: true });

Deno.test({
  ...needing(missing, "a host over SSH evicts pods as a kubelet does"),
  fn: async (test) => {
    await using cluster = await startControlPlane({ controllers: true });
    const full = { eviction: { hard: { "nodefs.available": "99.9%" } } };
    for (
      const { node, before, steps } of [
        {
          node: { eviction: { hard: {} } },
          before: undefined,
          steps: storage,
        },
        { node: full, before: leaveOrphans, steps: pressure },
      ]
    ) {
      await using stage = await openStage(cluster, before, node);
      for (const [claim, run] of Object.entries(steps)) {
        if (await test.step(claim, () => run(stage))) continue;
        throw new Error(`The agent's log ends with:\n${stage.agent.stderr}`);
      }
    }
  },
});

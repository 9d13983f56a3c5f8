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

  async "a node whose disk and process table run full says so, and takes no more pods"(
    stage,
  ) {
    await nodeIs(stage, {
      DiskPressure: /^True KubeletHasDiskPressure/,
      PIDPressure: /^True KubeletHasInsufficientPID/,
    });
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
      "Pod was rejected: The node had condition: [DiskPressure PIDPressure]. ",
    );
  },
};

/** Has the host say that so little memory is left, whatever is. */
async function leaveMemory(host: TestHost, mebibytes: number): Promise<void> {
  await host.shell(`
    sed 's/^MemAvailable:.*/MemAvailable: ${mebibytes * 1024} kB/' \
      /proc/meminfo >/run/meminfo.new
    if [ -e /run/meminfo ]; then cat /run/meminfo.new >/run/meminfo; exit; fi
    mv /run/meminfo.new /run/meminfo
    mount --bind /run/meminfo /proc/meminfo`);
}

const memory: StageSteps = {
  async "a node that is short of memory says so, and takes no BestEffort pods"(
    stage,
  ) {
    await nodeIs(stage, {
      MemoryPressure: /^True KubeletHasInsufficientMemory/,
    });
    await runScript(stage, "careless", "exec sleep 1000", { tolerations: [] });
    const { status } = await evicted(stage, "careless");
    assert.equal(
      status?.message,
      "Pod was rejected: The node had condition: [MemoryPressure]. ",
    );
    assert.match(await nodeEvents(stage), /\bNodeHasInsufficientMemory\b/);
  },

  async "after the grace period the pod goes first that has most beyond its request, and no other needlessly"(
    stage,
  ) {
    const requests = (memory: string) => ({
      resources: { requests: { memory } },
    });
    const hold =
      "trap 'while ! [ -e /s/done ]; do sleep 0.1; done; exit 0' TERM";
    const hog =
      `x=$(head -c 30000000 /dev/zero | tr '\\0' x); ${hold}; while :; do sleep 0.1; done`;
    const hostPath = { path: "/run/hog", type: "DirectoryOrCreate" };
    const spec = {
      terminationGracePeriodSeconds: 30,
      volumes: [{ name: "s", hostPath }],
    };
    const calm = "trap 'exit 0' TERM; while :; do sleep 0.1; done";
    await runScript(stage, "frugal", calm, {}, requests("64Mi"));
    await runScript(stage, "hog", hog, spec, {
      ...requests("1Mi"),
      volumeMounts: [{ name: "s", mountPath: "/s" }],
    });
    // It is Failed only when it has gone, and then the next one would be in danger.
    await eventually(async () => {
      assert.match(await podEvents(stage, "hog"), /\bEvicted\b/);
    }, patience);
    // There is room again before the pod has gone: the next one stays.
    await leaveMemory(stage.host, 8192);
    await stage.host.exec("touch", "/run/hog/done");
    const { status } = await evicted(stage, "hog");
    assert.match(
      status?.message ?? "",
      /^The node was low on resource: memory\. Threshold quantity: 1Gi, available: 512Mi\. Container app was using \d+Ki, request is 1Mi, has larger consumption of memory\. $/,
    );
    assert.match(await nodeEvents(stage), /\bEvictionThresholdMet\b/);
  },

  async "pressure ends once it has been over for the transition period"(stage) {
    await nodeIs(stage, {
      MemoryPressure: /^False KubeletHasSufficientMemory/,
    }, patience);
    assert.match(await nodeEvents(stage), /\bNodeHasSufficientMemory\b/);
    await runScript(stage, "welcome", "exec sleep 1000", { tolerations: [] });
    await runsAgain(stage, "welcome", 0);
    await runsAgain(stage, "frugal", 0);
  },
};

async function nodeEvents(stage: SshStage): Promise<string> {
  return await eventsOf(stage, "Node", stage.host.name);
}

async function podEvents(stage: SshStage, name: string): Promise<string> {
  return await eventsOf(stage, "Pod", name);
}

/** The reasons of all Events of an object. */
async function eventsOf(
  { cluster }: SshStage,
  kind: "Node" | "Pod",
  name: string,
): Promise<string> {
  return await cluster.kubectl([
    ...["get", "events", "-A", "-o", "jsonpath={.items[*].reason}"],
    `--field-selector=involvedObject.kind=${kind},involvedObject.name=${name}`,
  ]);
}

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
    const full = {
      eviction: {
        hard: { "nodefs.available": "99.9%", "pid.available": "99.999%" },
      },
    };
    const starved = {
      eviction: {
        hard: {},
        soft: { "memory.available": "1Gi" },
        softGracePeriod: { "memory.available": "1s" },
        minimumReclaim: { "memory.available": "1Gi" },
        pressureTransitionPeriod: "1s",
        maxPodGracePeriodSeconds: 20,
      },
    };
    for (
      const { node, before, steps } of [
        {
          node: { eviction: { hard: {} } },
          before: undefined,
          steps: storage,
        },
        { node: full, before: leaveOrphans, steps: pressure },
        {
          node: starved,
          before: (host: TestHost) => leaveMemory(host, 512),
          steps: memory,
        },
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

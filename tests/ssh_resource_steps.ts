import assert from "node:assert/strict";
import { eventually } from "./agent_process.ts";
import { apply, get, phase } from "./cluster_pods.ts";
import type { Pod } from "../k8s/types.ts";
import {
  firstContainer,
  image,
  runsAgain,
  type SshStage,
  type StageSteps,
} from "./ssh_stage.ts";

/** What a node over SSH takes on, and how the resources of its pods change. */
export const resourceSteps: StageSteps = {
  async "a pod that the scheduler was not asked for and that does not fit is rejected"(
    { cluster, host },
  ) {
    const { name: nodeName } = host;
    const requests = { cpu: "1000" };
    await apply(cluster, "big", { image, resources: { requests } }, {
      nodeName,
    });
    const { status } = await phase(cluster, "big", "Failed");
    assert.equal(status?.reason, "OutOfcpu");
    assert.match(
      status.message ?? "",
      /^Pod was rejected: Node didn't have enough resource: cpu, requested: 1000000, used: \d+, capacity: \d+$/,
    );
    assert.match(await cluster.kubectl(["get", "pod", "big"]), / OutOfcpu /);
    const ports = [{ containerPort: 80, hostPort: 8181 }];
    const command = ["sleep", "1000"];
    await apply(cluster, "first", { image, command, ports }, { nodeName });
    await phase(cluster, "first", "Running");
    await apply(cluster, "second", { image, command, ports }, { nodeName });
    const second = await phase(cluster, "second", "Failed");
    assert.equal(second.status?.reason, "NodePorts");
    await cluster.kubectl([
      ...["delete", "pod", "big", "first", "second", "--wait"],
    ]);
  },

  async "a container gets other resources while it runs"(stage) {
    const { cluster, host } = stage;
    await apply(cluster, "elastic", {
      image,
      command: ["sleep", "1000"],
      resources: resources("100m", "32Mi"),
    }, { nodeName: host.name });
    await phase(cluster, "elastic", "Running");
    await resize(stage, "elastic", resources("200m", "64Mi"));
    const limits = await cluster.kubectl([
      ...["exec", "elastic", "--", "sh", "-c", readLimits],
    ]);
    assert.equal(limits.trim(), `${64 * 1024 ** 2} 20000`);
    const { restartCount } = await firstContainer(stage, "elastic");
    assert.equal(restartCount, 0);
    await cluster.kubectl(["delete", "pod", "elastic"]);
  },

  async "a container is started anew for memory where its policy says so"(
    stage,
  ) {
    const { cluster, host } = stage;
    await apply(cluster, "stiff", {
      image,
      command: ["sleep", "1000"],
      resources: resources("100m", "32Mi"),
      resizePolicy: [{
        resourceName: "memory",
        restartPolicy: "RestartContainer",
      }],
    }, { nodeName: host.name, restartPolicy: "Always" });
    await phase(cluster, "stiff", "Running");
    await resize(stage, "stiff", resources("100m", "48Mi"));
    await runsAgain(stage, "stiff", 1);
    // Not a crash: the next change does not wait for a backoff.
    await resize(stage, "stiff", resources("100m", "64Mi"));
    await runsAgain(stage, "stiff", 2);
    await cluster.kubectl(["delete", "pod", "stiff"]);
  },
};

const readLimits = `
if [ -e /sys/fs/cgroup/memory.max ]; then
  echo $(cat /sys/fs/cgroup/memory.max) $(cut -d' ' -f1 /sys/fs/cgroup/cpu.max)
else
  cd /sys/fs/cgroup
  echo $(cat memory/memory.limit_in_bytes) $(cat cpu/cpu.cfs_quota_us)
fi
`;

function resources(cpu: string, memory: string) {
  return { requests: { cpu, memory }, limits: { cpu, memory } };
}

/** Asks for other resources and waits until the pod's status says that it has them. */
async function resize(
  { cluster }: SshStage,
  name: string,
  wanted: ReturnType<typeof resources>,
): Promise<void> {
  const containers = [{ name: "app", resources: wanted }];
  const patch = JSON.stringify({ spec: { containers } });
  await cluster.kubectl([
    ...["patch", "pod", name, "--subresource", "resize", "-p", patch],
  ]);
  await eventually(async () => {
    const { status } = await get<Pod>(cluster, `pod/${name}`);
    const [app] = status?.containerStatuses ?? [];
    assert.deepEqual(app?.resources, wanted);
    assert.deepEqual(app?.allocatedResources, wanted.requests);
    assert.ok(app?.state?.running);
    const pending = status?.conditions?.filter(({ type }) =>
      type.startsWith("PodResize")
    );
    assert.deepEqual(pending, []);
  });
}

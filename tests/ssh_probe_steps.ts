import assert from "node:assert/strict";
import { delay } from "../async/delay.ts";
import type { Container, Pod } from "../k8s/types.ts";
import { eventually } from "./agent_process.ts";
import { apply, get } from "./cluster_pods.ts";
import { agnhostImage } from "./ssh_hosts.ts";
import {
  firstContainer,
  nodeIs,
  runsAgain,
  runScript,
  type SshStage,
  type StageSteps,
} from "./ssh_stage.ts";

/** Every second, and believed at once. */
const often = { periodSeconds: 1, failureThreshold: 1 };

/** What becomes of pods on a node over SSH by their probes. */
export const probeSteps: StageSteps = {
  async "every kind of probe finds a container well"(stage) {
    await serve(stage, "probed", "netexec", {
      startupProbe: {
        ...often,
        failureThreshold: 30,
        httpGet: { path: "/healthz", port: "web" },
      },
      readinessProbe: { ...often, exec: { command: ["ls", "/"] } },
      livenessProbe: { ...often, tcpSocket: { port: 8080 } },
    });
    await serve(stage, "rpc", "grpc-health-checking", {
      readinessProbe: { ...often, grpc: { port: 5000 } },
      livenessProbe: {
        ...often,
        failureThreshold: 30,
        grpc: { port: 5000, service: "" },
      },
    });
    await isReady(stage, "probed", "True");
    await isReady(stage, "rpc", "True");
    for (const name of ["probed", "rpc"]) {
      assert.equal((await firstContainer(stage, name)).restartCount, 0);
    }
  },

  async "a container that does not answer is unready, then restarted"(stage) {
    await runScript(
      stage,
      "moody",
      "touch /well; while :; do sleep 1; done",
      { restartPolicy: "Always" },
      {
        readinessProbe: { ...often, exec: { command: ["cat", "/well"] } },
        livenessProbe: {
          ...{ periodSeconds: 1, failureThreshold: 5 },
          exec: { command: ["cat", "/well"] },
          terminationGracePeriodSeconds: 1,
        },
      },
    );
    await isReady(stage, "moody", "True");
    const { cluster } = stage;
    await cluster.kubectl(["exec", "moody", "--", "rm", "/well"]);
    await isReady(stage, "moody", "False");
    await runsAgain(stage, "moody", 1);
    await isReady(stage, "moody", "True");
    const why = "probe failed: cat: can't open '/well'";
    await eventually(async () => {
      const events = await cluster.kubectl(["describe", "pod", "moody"]);
      assert.match(events, new RegExp(`Unhealthy .*Liveness ${why}`));
      assert.match(events, new RegExp(`Unhealthy .*Readiness ${why}`));
      assert.match(
        events,
        /Killing .*Container app failed liveness probe, will be restarted/,
      );
    });
    await cluster.kubectl(["delete", "pod", "moody"]);
  },

  async "neither a cut link nor an agent that was away changes what is ready"(
    stage,
  ) {
    const { cluster, host, agent } = stage;
    await serve(stage, "lasting", "netexec", {
      startupProbe: {
        ...often,
        failureThreshold: 60,
        tcpSocket: { port: 8080 },
      },
      readinessProbe: { ...often, httpGet: { path: "/healthz", port: 8080 } },
      livenessProbe: { ...often, tcpSocket: { port: 8080 } },
    });
    await isReady(stage, "lasting", "True");
    const complaints = await unhealthy(stage, "lasting");
    const before = await get<Pod>(cluster, "pod/lasting");
    await host.cut();
    await nodeIs(stage, { HostReachable: /^False / });
    await delay(5_000, { signal: new AbortController().signal });
    await host.heal();
    await nodeIs(stage, { Ready: /^True /, HostReachable: /^True / });
    await agent.end("SIGKILL");
    agent.start();
    await nodeIs(stage, { Ready: /^True /, HostReachable: /^True / });
    await delay(3_000, { signal: new AbortController().signal });
    const after = await get<Pod>(cluster, "pod/lasting");
    assert.deepEqual(
      after.status?.containerStatuses,
      before.status?.containerStatuses,
    );
    await isReady(stage, "lasting", "True");
    assert.equal(await unhealthy(stage, "lasting"), complaints);
    await cluster.kubectl(["delete", "pod", "probed", "rpc", "lasting"]);
  },
};

/** Creates a pod of one of the servers of agnhost. */
async function serve(
  { cluster, host }: SshStage,
  name: string,
  command: string,
  container: Partial<Container>,
): Promise<void> {
  await apply(cluster, name, {
    image: agnhostImage,
    args: [command],
    ports: [{ name: "web", containerPort: 8080 }],
    ...container,
  }, { nodeName: host.name, restartPolicy: "Always" });
}

/** How often its probes were said to have failed, by message. */
async function unhealthy(
  { cluster }: SshStage,
  pod: string,
): Promise<string> {
  const selector = `involvedObject.name=${pod},reason=Unhealthy`;
  return await cluster.kubectl([
    ...["get", "events", "--field-selector", selector],
    ...["-o", "jsonpath={range .items[*]}{.count} {.message}{end}"],
  ]);
}

async function isReady(
  { cluster }: SshStage,
  name: string,
  status: "True" | "False",
): Promise<void> {
  await eventually(async () => {
    const pod = await get<Pod>(cluster, `pod/${name}`);
    const ready = pod.status?.conditions?.find(({ type }) => type === "Ready");
    assert.equal(ready?.status, status, JSON.stringify(pod.status));
  });
}

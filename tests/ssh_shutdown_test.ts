import assert from "node:assert/strict";
import type { Node, Pod } from "../k8s/types.ts";
import { eventually } from "./agent_process.ts";
import { get } from "./cluster_pods.ts";
import { controlPlaneMissing, startControlPlane } from "./controlplane.ts";
import { needing } from "./needing.ts";
import { sshHostsMissing } from "./ssh_hosts.ts";
import {
  nodeIs,
  openStage,
  runningOn,
  runsAgain,
  runScript,
  type SshStage,
  type StageSteps,
} from "./ssh_stage.ts";
import {
  logindLog,
  logindMissing,
  prepareForShutdown,
  startLogind,
  stopLogind,
} from "./stand_in_logind.ts";

const patience = { limit: 60_000 };

/** Six seconds, of which critical pods have the last two. */
const node = {
  shutdownGracePeriod: "6s",
  shutdownGracePeriodCriticalPods: "2s",
  eviction: { hard: {} },
};

const steps: StageSteps = {
  async "the shutdown of a host waits for its node"(stage) {
    await nodeIs(stage, { Ready: /^True/ }, patience);
    await eventually(async () => {
      const log = await logindLog(stage.host);
      assert.deepEqual(log, ["up", "held shutdown delay farlet"]);
    }, patience);
  },

  async "pods end before the host does, critical ones last"(stage) {
    const last = "trap 'sleep 1; exit 3' TERM; while :; do sleep 0.1; done";
    const critical = { priorityClassName: "system-node-critical" };
    await runScript(stage, "critical", last, critical);
    await runScript(stage, "kind", last);
    await runScript(stage, "deaf", "trap '' TERM; while :; do sleep 1; done");
    // It waits for what will never be; nothing of it runs.
    await runScript(stage, "refused", "exit", { hostUsers: false });
    for (const name of ["critical", "kind", "deaf"]) {
      await runsAgain(stage, name, 0);
    }
    await prepareForShutdown(stage.host, true);
    await nodeIs(stage, { Ready: /^False KubeletNotReady$/ });
    const { status } = await get<Node>(
      stage.cluster,
      `node/${stage.host.name}`,
    );
    const ready = status?.conditions?.find(({ type }) => type === "Ready");
    assert.equal(ready?.message, "node is shutting down");
    const ends = new Map<string, string>();
    for (const name of ["critical", "kind", "deaf"]) {
      const { status } = await failed(stage, name, { stopped: true });
      const message =
        "Pod was terminated in response to imminent node shutdown.";
      assert.equal(status?.reason, "Terminated");
      assert.equal(status.message, message);
      const { conditions = [], containerStatuses = [] } = status;
      const disruption = conditions.find(({ type }) =>
        type === "DisruptionTarget"
      );
      assert.equal(disruption?.status, "True");
      assert.equal(disruption.reason, "TerminationByKubelet");
      const { exitCode, finishedAt = "" } =
        containerStatuses[0]?.state?.terminated ?? {};
      assert.equal(exitCode, name === "deaf" ? 137 : 3, name);
      ends.set(name, finishedAt);
    }
    const kind = ends.get("kind") ?? "";
    const deaf = ends.get("deaf") ?? "";
    assert.ok(kind < deaf, `${kind} ${deaf}`);
    assert.ok(deaf < (ends.get("critical") ?? ""), JSON.stringify([...ends]));
    const released = await eventually(async () => {
      const log = await logindLog(stage.host);
      assert.deepEqual(log.slice(2, 3), ["preparing"]);
      const found = /^released after ([\d.]+)$/.exec(log[3] ?? "")?.[1];
      assert.ok(found, log.join());
      return Number(found);
    });
    assert.ok(released > 4 && released < 8, `${released} s`);
    for (const name of ends.keys()) {
      assert.deepEqual(await runningOn(stage, name), []);
    }
  },

  async "a node that shuts down takes no pods, and does again if it does not"(
    stage,
  ) {
    await runScript(stage, "late", "exec sleep 1000");
    const { status } = await failed(stage, "late");
    assert.equal(status?.reason, "NodeShutdown");
    assert.equal(
      status.message,
      "Pod was rejected: Pod was rejected as the node is shutting down.",
    );
    await prepareForShutdown(stage.host, false);
    await nodeIs(stage, { Ready: /^True/ });
    await runScript(stage, "next", "exec sleep 1000");
    await runsAgain(stage, "next", 0);
    const log = await logindLog(stage.host);
    assert.deepEqual(log.slice(4), ["cancelled", "held shutdown delay farlet"]);
    assert.deepEqual(await events(stage), [
      "NodeShutdown Shutdown manager detected shutdown cancellation",
      "NodeShutdown Shutdown manager detected shutdown event",
    ]);
  },

  async "a host that waits too short is told of, and its pods get their share"(
    stage,
  ) {
    await stopLogind(stage.host);
    await startLogind(stage.host, { delaySeconds: 3 });
    await eventually(async () => {
      const [warning] = await events(stage, "NodeShutdownDelayTooShort");
      assert.match(warning ?? "", /by 3s at most .* may take 6s /);
    }, patience);
    await prepareForShutdown(stage.host, true);
    await failed(stage, "next");
    await eventually(async () => {
      assert.match(
        (await logindLog(stage.host)).join(),
        /released after [0-3]\./,
      );
    });
  },

  async "a host that cannot tell of its shutdown is told of, and goes on"(
    stage,
  ) {
    await stopLogind(stage.host);
    await eventually(async () => {
      const warnings = await events(stage, "NodeShutdownUnwatched");
      assert.match(warnings.join(), /it does not run systemd-logind/);
    }, patience);
    assert.deepEqual(
      await stage.host.shell(
        "pgrep -af 'systemd-[i]nhibit|gdbus [m]onitor' | cut -c1-90 || :",
      ),
      "",
    );
  },
};

/** The pod once it has failed, and, if that is asked for, its container has ended. */
async function failed(
  { cluster }: SshStage,
  name: string,
  { stopped = false } = {},
): Promise<Pod> {
  return await eventually(async () => {
    const pod = await get<Pod>(cluster, `pod/${name}`);
    const shown = JSON.stringify(pod.status, undefined, 1);
    assert.equal(pod.status?.phase, "Failed", shown);
    const [container] = pod.status.containerStatuses ?? [];
    if (stopped) assert.ok(container?.state?.terminated, shown);
    return pod;
  }, patience);
}

/** Reason and message of the node's Events of that reason, sorted. */
async function events(
  { cluster, host }: SshStage,
  reason = "NodeShutdown",
): Promise<readonly string[]> {
  const text = await cluster.kubectl([
    ...["get", "events", "-o"],
    'jsonpath={range .items[*]}{.reason} {.message}{"\\n"}{end}',
    `--field-selector=involvedObject.name=${host.name},reason=${reason}`,
  ]);
  return text.split("\n").filter((line) => line !== "").toSorted();
}

const missing = sshHostsMissing() ?? logindMissing() ??
  controlPlaneMissing({ controllers: true });

Deno.test({
  ...needing(missing, "a host over SSH ends its pods before it shuts down"),
  fn: async (test) => {
    await using cluster = await startControlPlane({ controllers: true });
    await using stage = await openStage(
      cluster,
      (host) => startLogind(host, { delaySeconds: 10 }),
      node,
    );
    for (const [claim, run] of Object.entries(steps)) {
      if (await test.step(claim, () => run(stage))) continue;
      throw new Error(`The agent's log ends with:\n${stage.agent.stderr}`);
    }
  },
});

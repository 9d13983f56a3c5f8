import assert from "node:assert/strict";
import type { Container, ContainerStatus, Pod } from "../k8s/types.ts";
import { eventually } from "./agent_process.ts";
import { apply, get, phase } from "./cluster_pods.ts";
import { agnhostImage } from "./ssh_hosts.ts";
import {
  firstContainer,
  image,
  nodeIs,
  runsAgain,
  type SshStage,
  type StageSteps,
} from "./ssh_stage.ts";

/** How containers of pods on a node over SSH start, end and start again. */
export const lifeSteps: StageSteps = {
  async "sidecars start in order, start again while others initialize, and end last"(
    stage,
  ) {
    await applyAll(stage, "convoy", [
      script("app", "sleep 1"),
    ], {
      restartPolicy: "Never",
      initContainers: [
        {
          ...sidecar(
            "one",
            "test -e /seen/once || { touch /seen/once; sleep 2; exit 1; }",
          ),
          // What comes after it waits for this.
          startupProbe: {
            exec: { command: ["test", "-e", "/seen/once"] },
            periodSeconds: 1,
          },
        },
        script(
          "init",
          "until [ $(grep -c one /seen/log) = 2 ]; do sleep 0.1; done",
        ),
        sidecar("two", ":"),
      ],
    });
    const { status } = await phase(stage.cluster, "convoy", "Succeeded");
    assert.deepEqual(await written(stage), [
      "one",
      "init",
      "one",
      "two",
      "app",
      "two: TERM",
      "one: TERM",
    ]);
    const codes = (status?.initContainerStatuses ?? []).map(exitCode);
    assert.deepEqual(codes, [3, 0, 3]);
    const [one] = status?.initContainerStatuses ?? [];
    assert.equal(one?.restartCount, 1);
    await stage.cluster.kubectl(["delete", "pod", "convoy"]);
  },

  async "all containers start anew where a rule says so, at once and in the same sandbox"(
    stage,
  ) {
    const { cluster } = stage;
    const rules = restartRules("RestartAllContainers", 88);
    const preStop = {
      exec: { command: ["sh", "-c", "echo hook >>/seen/log"] },
    };
    await applyAll(stage, "anew", [
      {
        ...script(
          "watcher",
          "until [ -e /seen/go ]; do sleep 0.1; done; rm /seen/go; exit 88",
        ),
        ...rules,
      },
      { ...script("app", stubborn), lifecycle: { preStop } },
      script("done", ":"),
    ], {
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 600,
      initContainers: [script("init", ":")],
    });
    const { status } = await phase(cluster, "anew", "Running");
    const first = ["init", "watcher", "app", "done"];
    await eventually(async () => {
      assert.deepEqual((await written(stage)).toSorted(), first.toSorted());
    });
    await stage.host.exec("touch", "/run/seen/go");
    await eventually(async () => {
      const pod = await get<Pod>(cluster, "pod/anew");
      const { initContainerStatuses = [], containerStatuses = [] } =
        pod.status ?? {};
      const all = [...initContainerStatuses, ...containerStatuses];
      const restarts = all.map(({ restartCount }) => restartCount);
      assert.deepEqual(restarts, [1, 1, 1, 1]);
      const before = all.map(({ lastState }) =>
        lastState?.terminated?.exitCode
      );
      assert.deepEqual(before, [0, 88, 137, 0]);
      assert.equal(pod.status?.podIP, status?.podIP);
      assert.equal(pod.status?.phase, "Running");
    });
    await eventually(async () => {
      const lines = (await written(stage)).slice(first.length);
      assert.equal(lines[0], "init");
      assert.deepEqual(lines.toSorted(), first.toSorted());
    });
    await cluster.kubectl(["delete", "pod", "anew", "--grace-period=1"]);
  },

  async "exit codes, deadlines and probes end containers as their pod says"(
    stage,
  ) {
    const { cluster } = stage;
    const idle = ["sleep", "1000"];
    await apply(cluster, "late", { image, command: idle }, {
      activeDeadlineSeconds: 2,
    });
    const begun = performance.now();
    await applyAll(stage, "rules", [
      {
        ...script("rule", "test -e /seen/r && exit 43; touch /seen/r; exit 42"),
        ...restartRules("Restart", 42),
      },
      {
        ...script("retry", "test -e /seen/o && exit 0; touch /seen/o; exit 1"),
        restartPolicy: "OnFailure",
      } as Container,
      {
        ...script("words", "echo last words; exit 5"),
        terminationMessagePolicy: "FallbackToLogsOnError",
      },
      {
        ...script("probed", stubborn),
        livenessProbe: {
          exec: { command: ["false"] },
          periodSeconds: 1,
          failureThreshold: 1,
          terminationGracePeriodSeconds: 2,
        },
      },
    ], { restartPolicy: "Never", terminationGracePeriodSeconds: 600 });
    const { status } = await phase(cluster, "rules", "Failed");
    const took = performance.now() - begun;
    assert.ok(took < 30_000, `took ${took} ms`);
    const statuses = status?.containerStatuses ?? [];
    assert.deepEqual(
      statuses.map(({ name, restartCount }) => `${name}#${restartCount}`),
      ["rule#1", "retry#1", "words#0", "probed#0"],
    );
    assert.deepEqual(statuses.map(exitCode), [43, 0, 5, 137]);
    const [, , words] = statuses;
    assert.equal(words?.state?.terminated?.message, "last words\n");
    const late = await phase(cluster, "late", "Failed");
    assert.equal(late.status?.reason, "DeadlineExceeded");
    await cluster.kubectl(["delete", "pod", "rules", "late"]);
  },

  async "a pod that runs gets a debugger, passes its gate, and takes another image"(
    stage,
  ) {
    const { cluster } = stage;
    await apply(cluster, "host", { image, command: ["sleep", "4321"] }, {
      restartPolicy: "Always",
      readinessGates: [{ conditionType: "example.com/ok" }],
    });
    await eventually(async () => {
      assert.equal(await readyCondition(stage), "False ReadinessGatesNotReady");
    });
    const tool = ["--attach=false", "--image", image, "--container=tool"];
    await cluster.kubectl([
      ...["debug", "host", ...tool, "--target=app", "--"],
      ...["sh", "-c", "ps; sleep 1000"],
    ]);
    await eventually(async () => {
      const log = await cluster.kubectl(["logs", "host", "-c", "tool"]);
      assert.match(log, /sleep 4321/);
    });
    const exec = ["exec", "host", "-c", "tool", "--", "echo", "hi"];
    assert.equal(await cluster.kubectl(exec), "hi\n");
    const conditions = [{ type: "example.com/ok", status: "True" }];
    await cluster.kubectl([
      ...["patch", "pod", "host", "--subresource=status"],
      ...["-p", JSON.stringify({ status: { conditions } })],
    ]);
    await eventually(async () => {
      assert.equal(await readyCondition(stage), "True");
    });
    await cluster.kubectl(["set", "image", "pod/host", `app=${agnhostImage}`]);
    await runsAgain(stage, "host", 1);
    assert.equal((await firstContainer(stage, "host")).image, agnhostImage);
    const events = await cluster.kubectl(["describe", "pod", "host"]);
    assert.match(
      events,
      /Killing .*Container app definition changed, will be restarted/,
    );
    await cluster.kubectl(["delete", "pod", "host"]);
  },

  async "a pod that is deleted while it is made leaves nothing behind"(stage) {
    const { cluster, host, agent } = stage;
    for (const ends of [false, true]) {
      await apply(cluster, "brief", {
        image,
        command: ["sleep", "1000"],
        volumeMounts: [{ name: "ram", mountPath: "/ram" }],
      }, { volumes: [{ name: "ram", emptyDir: { medium: "Memory" } }] });
      // Its sandbox is being made, or its container.
      const sandbox =
        "podman ps -aq --filter label=io.kubernetes.pod.name=brief";
      const moment = ends ? ":" : `until ${sandbox} | grep -q .; do :; done`;
      await host.shell(`${engine}; ${moment}; kill -STOP $pid`);
      const { metadata } = await get<Pod>(cluster, "pod/brief");
      await cluster.kubectl(["delete", "pod", "brief", "--wait=false"]);
      if (ends) {
        await agent.end("SIGKILL");
        agent.start();
      }
      await host.shell(`${engine}; kill -CONT $pid`);
      await cluster.kubectl([
        ...["wait", "--for=delete", "pod/brief", "--timeout=60s"],
      ]);
      await nodeIs(stage, { Ready: /^True / });
      await eventually(async () => {
        const uid = metadata?.uid ?? "";
        const left = await host.shell(
          `podman ps -a --format '{{.Names}}' | grep ${uid}
          grep ${uid} /proc/mounts
          find /var/lib/farlet/${host.name} -name '*${uid}*'`,
        );
        assert.equal(left, "");
      });
    }
  },
};

const engine = "pid=$(pgrep -xf 'podman system service .*')";
const seen = { volumes: [{ name: "seen", hostPath: { path: "/run/seen" } }] };
/** Goes on until it is killed. */
const stubborn = "trap '' TERM; while :; do sleep 0.1; done";

/** A container that writes its name down before its script. */
function script(name: string, text: string): Container {
  return {
    name,
    image,
    command: ["sh", "-c", `echo ${name} >>/seen/log; ${text}`],
    volumeMounts: [{ name: "seen", mountPath: "/seen" }],
  };
}

/** One that goes on after its script, and writes down that it was asked to end; that is a failure. */
function sidecar(name: string, text: string): Container {
  const trap = `trap 'echo ${name}: TERM >>/seen/log; exit 3' TERM`;
  return {
    ...script(name, `${trap}; ${text}; while :; do sleep 0.1; done`),
    restartPolicy: "Always",
  };
}

/** What a container does when it ends with that code; it is not started again otherwise. */
function restartRules(action: string, code: number): Partial<Container> {
  const exitCodes = { operator: "In", values: [code] };
  const rules = {
    restartPolicy: "Never",
    restartPolicyRules: [{ action, exitCodes }],
  };
  return rules as Partial<Container>;
}

/** Runs a pod of such containers, with nothing written down yet. */
async function applyAll(
  { cluster, host }: SshStage,
  name: string,
  containers: Container[],
  spec: Partial<NonNullable<Pod["spec"]>>,
): Promise<void> {
  await host.shell("rm -rf /run/seen; mkdir /run/seen");
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: { nodeName: host.name, ...seen, ...spec, containers },
  };
  await cluster.kubectl(["apply", "-f", "-"], { stdin: JSON.stringify(pod) });
}

/** The lines that were written down. */
async function written({ host }: SshStage): Promise<readonly string[]> {
  const text = await host.shell("cat /run/seen/log 2>/dev/null || true");
  return text.split("\n").filter((line) => line !== "");
}

function exitCode({ state }: ContainerStatus): number | undefined {
  return state?.terminated?.exitCode;
}

/** Status and reason of the debugged pod's readiness. */
async function readyCondition({ cluster }: SshStage): Promise<string> {
  const { status } = await get<Pod>(cluster, "pod/host");
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return [ready?.status, ready?.reason].filter((text) => text !== undefined)
    .join(" ");
}

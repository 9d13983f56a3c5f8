import assert from "node:assert/strict";
import type { Container } from "../k8s/types.ts";
import { eventually } from "./agent_process.ts";
import { apply, phase } from "./cluster_pods.ts";
import type { TestHost } from "./ssh_hosts.ts";
import {
  image,
  nodeIs,
  runsAgain,
  runScript,
  type SshStage,
  type StageSteps,
} from "./ssh_stage.ts";

/** What becomes of pods on a node over SSH by their hooks. */
export const hookSteps: StageSteps = {
  async "hooks run after the start and before the end, those of sidecars with the others"(
    stage,
  ) {
    const { cluster, host } = stage;
    const app = scribe("app", {
      postStart: { exec: { command: write("app: started") } },
      preStop: { exec: { command: ["sh", "-c", `sleep 2; ${bye("app")}`] } },
    });
    const sidecar = scribe("sidecar", {
      preStop: { exec: { command: ["sh", "-c", bye("sidecar")] } },
    });
    await applyHooked(stage, "orderly", app, {
      initContainers: [{ ...sidecar, image, restartPolicy: "Always" }],
      terminationGracePeriodSeconds: 20,
    });
    await cluster.kubectl(["delete", "pod", "orderly"]);
    assert.deepEqual(await written(host), [
      "app: started",
      "sidecar: hook",
      "app: hook",
      "app: TERM",
      "sidecar: TERM",
    ]);
  },

  async "a container whose postStart fails is killed, and restarted by policy"(
    stage,
  ) {
    const { cluster } = stage;
    // It succeeds the second time.
    const command = ["sh", "-c", "test -e /seen/once || ! touch /seen/once"];
    await apply(
      cluster,
      "hasty",
      { image, ...scribe("app", { postStart: { exec: { command } } }) },
      { ...seen, restartPolicy: "Always" },
    );
    const { lastState } = await runsAgain(stage, "hasty", 1);
    assert.ok(lastState?.terminated);
    await eventually(async () => {
      const events = await cluster.kubectl(["describe", "pod", "hasty"]);
      assert.match(events, /FailedPostStartHook .*PostStartHook failed/);
      assert.match(events, /Killing .*FailedPostStartHook/);
    });
    await cluster.kubectl(["delete", "pod", "hasty"]);
  },

  async "an agent that was killed in a preStop goes on with the stop"(stage) {
    const { cluster, host, agent } = stage;
    const command = ["sh", "-c", `${bye("app")}; sleep 3`];
    const app = scribe("app", { preStop: { exec: { command } } });
    await applyHooked(stage, "doomed", app, {
      terminationGracePeriodSeconds: 20,
    });
    await cluster.kubectl(["delete", "pod", "doomed", "--wait=false"]);
    await eventually(async () => {
      assert.deepEqual(await written(host), ["app: hook"]);
    });
    await agent.end("SIGKILL");
    assert.deepEqual(await written(host), ["app: hook"]);
    agent.start();
    await cluster.kubectl([
      ...["wait", "--for=delete", "pod/doomed", "--timeout=60s"],
    ]);
    // As with a kubelet: nobody knows how far the first one came.
    assert.deepEqual(await written(host), [
      "app: hook",
      "app: hook",
      "app: TERM",
    ]);
    await nodeIs(stage, { Ready: /^True / });
  },

  async "a second deletion with less grace ends a hook, and a hook that fails is told"(
    stage,
  ) {
    const { cluster } = stage;
    const begun = performance.now();
    const sleep = { preStop: { sleep: { seconds: 600 } } };
    await runScript(stage, "sleepy", "sleep 1000", {
      terminationGracePeriodSeconds: 900,
    }, { lifecycle: sleep as Container["lifecycle"] & object });
    await runScript(stage, "sorry", "exec sleep 1000", {}, {
      lifecycle: { preStop: { exec: { command: ["false"] } } },
    });
    await phase(cluster, "sleepy", "Running");
    await phase(cluster, "sorry", "Running");
    await cluster.kubectl(["delete", "pod", "sleepy", "--wait=false"]);
    await cluster.kubectl(["delete", "pod", "sorry"]);
    await cluster.kubectl(["delete", "pod", "sleepy", "--grace-period=2"]);
    const took = performance.now() - begun;
    assert.ok(took < 60_000, `took ${took} ms`);
    await eventually(async () => {
      const events = await cluster.kubectl(["get", "events"]);
      assert.match(
        events,
        /FailedPreStopHook +pod\/sorry +PreStopHook failed/,
      );
      assert.doesNotMatch(events, /FailedPreStopHook +pod\/sleepy/);
    });
  },
};

const seen = { volumes: [{ name: "seen", hostPath: { path: "/run/seen" } }] };

/** A container that writes down that it was asked to end. */
function scribe(name: string, lifecycle: Container["lifecycle"]): Container {
  const script = `trap 'echo ${name}: TERM >>/seen/log; exit 0' TERM
    while :; do sleep 0.1; done`;
  return {
    name,
    command: ["sh", "-c", script],
    volumeMounts: [{ name: "seen", mountPath: "/seen" }],
    ...(lifecycle && { lifecycle }),
  };
}

function write(line: string): string[] {
  return ["sh", "-c", `echo ${line} >>/seen/log`];
}

function bye(name: string): string {
  return `echo ${name}: hook >>/seen/log`;
}

/** Runs a pod of such containers, with nothing written down yet. */
async function applyHooked(
  { cluster, host }: SshStage,
  name: string,
  app: Container,
  spec: Parameters<typeof apply>[3],
): Promise<void> {
  await host.shell("mkdir -p /run/seen; rm -f /run/seen/log");
  await apply(cluster, name, { ...app, image }, { ...seen, ...spec });
  await phase(cluster, name, "Running");
}

/** The lines that were written down. */
async function written(host: TestHost): Promise<readonly string[]> {
  const text = await host.shell("cat /run/seen/log 2>/dev/null || true");
  return text.split("\n").filter((line) => line !== "");
}

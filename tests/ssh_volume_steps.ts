import assert from "node:assert/strict";
import type { EnvVar, Volume } from "../k8s/types.ts";
import { eventually } from "./agent_process.ts";
import { apply, phase } from "./cluster_pods.ts";
import { agnhostImage } from "./ssh_hosts.ts";
import {
  firstContainer,
  image,
  runScript,
  type SshStage,
  type StageSteps,
} from "./ssh_stage.ts";

/** What pods on a node over SSH have in their volumes, and in their environment of it. */
export const volumeSteps: StageSteps = {
  async "a pod has an image as a volume, which stays as long as the pod"(
    stage,
  ) {
    const { cluster, host } = stage;
    const script = `
      cat /part/passwd >/dev/null && ls /data/agnhost
      touch /data/new 2>/dev/null || echo read-only
      /data/agnhost 2>/dev/null || echo no executables
      sleep 1000`;
    await runScript(stage, "furnished", script, {
      volumes: [imageVolume("data", agnhostImage)],
    }, {
      volumeMounts: [
        { name: "data", mountPath: "/data" },
        { name: "data", mountPath: "/part", subPath: "etc" },
      ],
    });
    await runScript(stage, "waiting", "sleep 1000", {
      volumes: [imageVolume("data", "missing.invalid/none:1", "Never")],
    }, { volumeMounts: [{ name: "data", mountPath: "/data" }] });
    await phase(cluster, "furnished", "Running");
    await eventually(async () => {
      const log = await cluster.kubectl(["logs", "furnished"]);
      assert.deepEqual(log.trim().split("\n"), [
        "/data/agnhost",
        "read-only",
        "no executables",
      ]);
      const { waiting } = await stateOf(stage, "waiting");
      assert.equal(waiting?.reason, "ErrImageNeverPull");
    });
    await host.shell("podman image prune -af >/dev/null");
    await host.exec("podman", "image", "exists", agnhostImage);
    await cluster.kubectl(["delete", "pod", "furnished", "waiting"]);
    const mounts = await host.exec("cat", "/proc/mounts");
    assert.doesNotMatch(mounts, /pods\/[^ ]*\/volumes\/data/);
  },

  async "an init container leaves an env file, which stays in its volume"(
    stage,
  ) {
    const { cluster } = stage;
    const volumeMounts = [{ name: "left", mountPath: "/left" }];
    const leave = `
      echo "WORD='one two'" >/left/own.env
      ln -s own.env /left/link.env
      ln -s /etc/passwd /left/out.env`;
    const word = (path: string) => {
      const fileKeyRef = { volumeName: "left", path, key: "WORD" };
      // Newer than the types.
      return { name: "WORD", valueFrom: { fileKeyRef } } as EnvVar;
    };
    const spec = {
      hostnameOverride: "called.otherwise",
      initContainers: [
        { name: "before", image, command: ["sh", "-c", leave], volumeMounts },
      ],
      volumes: [{ name: "left", emptyDir: {} }],
    };
    const command = ["sh", "-c", "echo $WORD; hostname"];
    await apply(
      cluster,
      "told",
      { image, command, env: [word("link.env")], volumeMounts },
      spec,
    );
    await apply(
      cluster,
      "curious",
      { image, command, env: [word("out.env")], volumeMounts },
      spec,
    );
    await phase(cluster, "told", "Succeeded");
    const log = await cluster.kubectl(["logs", "told", "-c", "app"]);
    assert.equal(log, "one two\ncalled.otherwise\n");
    await eventually(async () => {
      const { waiting } = await stateOf(stage, "curious");
      assert.equal(waiting?.reason, "CreateContainerConfigError");
      assert.equal(waiting.message, "couldn't parse env file");
    });
    await cluster.kubectl(["delete", "pod", "told", "curious"]);
  },

  async "a container that cannot be made or started says why, in the kubelet's words"(
    stage,
  ) {
    const { cluster } = stage;
    const seccompProfile = {
      type: "Localhost",
      localhostProfile: "no-such.json",
    };
    await apply(cluster, "hapless", { image, command: ["/no/such"] }, {
      restartPolicy: "Always",
    });
    await runScript(stage, "unsafe", "sleep 1000", {}, {
      securityContext: { seccompProfile },
    });
    await runScript(stage, "rootless", "sleep 1000", {
      securityContext: { runAsNonRoot: true },
    });
    await runScript(stage, "needy", "sleep 1000", {}, {
      envFrom: [{ configMapRef: { name: "no-such" } }],
    });
    await eventually(async () => {
      const states = await Promise.all(
        ["unsafe", "rootless", "needy"].map(async (name) => {
          const { waiting } = await stateOf(stage, name);
          return `${waiting?.reason}: ${waiting?.message}`;
        }),
      );
      const [unsafe = "", rootless = "", needy] = states;
      assert.match(unsafe, /^CreateContainerError: .*no-such\.json/);
      assert.match(
        rootless,
        /^CreateContainerConfigError: container has runAsNonRoot and image will run as root \(pod: "rootless_default\(.+\)", container: app\)$/,
      );
      assert.equal(
        needy,
        'CreateContainerConfigError: configmap "no-such" not found',
      );
      const text = await cluster.kubectl(["describe", "pod", "needy"]);
      assert.match(text, /Warning +Failed .*Error: configmap "no-such" not/);
    });
    await eventually(async () => {
      const { state, lastState } = await firstContainer(stage, "hapless");
      assert.match(
        `${state?.waiting?.reason}`,
        /^(RunContainerError|CrashLoopBackOff)$/,
      );
      assert.equal(lastState?.terminated?.reason, "StartError");
      assert.equal(lastState.terminated.exitCode, 128);
    });
    await cluster.kubectl([
      ...["delete", "pod", "hapless", "unsafe", "rootless", "needy"],
    ]);
  },
};

function imageVolume(
  name: string,
  reference: string,
  pullPolicy = "IfNotPresent",
): Volume {
  // Newer than the types.
  return { name, image: { reference, pullPolicy } } as Volume;
}

async function stateOf(stage: SshStage, pod: string) {
  return (await firstContainer(stage, pod)).state ?? {};
}

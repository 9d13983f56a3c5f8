import assert from "node:assert/strict";
import { join } from "node:path";
import { AgentProcess, eventually } from "./agent_process.ts";
import { apply, phase } from "./cluster_pods.ts";
import {
  type ControlPlane,
  controlPlaneMissing,
  startControlPlane,
} from "./controlplane.ts";
import { type FarletResult, runFarlet, startFarlet } from "./farlet.ts";
import { needing } from "./needing.ts";

const nodeName = "edge-1";

/** One cluster with one agent, which the steps use one after the other. */
interface Stage {
  readonly cluster: ControlPlane;
  readonly stateDir: string;
  readonly agent: AgentProcess;
}

const steps: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  async "the socket is the owner's alone"({ stateDir }) {
    const path = join(stateDir, "agent.sock");
    await eventually(async () => {
      const { mode, isSocket } = await Deno.lstat(path);
      assert.ok(isSocket);
      assert.equal((mode ?? 0) & 0o777, 0o600);
    });
  },

  async "get shows pods in every state as kubectl does"(stage) {
    const { cluster } = stage;
    const image = "memory";
    const spec = { nodeName };
    const always = { nodeName, restartPolicy: "Always" };
    await apply(cluster, "web", { image }, spec);
    await apply(cluster, "done", { image, args: ["echo", "x"] }, spec);
    await apply(cluster, "failed", { image, args: ["exit", "3"] }, spec);
    await apply(cluster, "loop", { image, args: ["exit", "1"] }, always);
    await apply(cluster, "init", { image }, {
      nodeName,
      initContainers: [
        { name: "one", image, args: ["exit", "0"] },
        { name: "two", image },
      ],
    });
    await apply(cluster, "initfailed", { image }, {
      nodeName,
      initContainers: [{ name: "one", image, args: ["exit", "4"] }],
    });
    await apply(cluster, "refused", {
      image,
      securityContext: { privileged: true },
    }, spec);
    await phase(cluster, "web", "Running");
    await phase(cluster, "failed", "Failed");
    await eventually(async () => {
      const { stdout } = await farlet(stage, "get", "pods");
      for (
        const word of [
          "CrashLoopBackOff",
          "Init:1/2",
          "Init:Error",
          "Error",
          "Completed",
          "Running",
        ]
      ) {
        assert.match(stdout, new RegExp(` ${word} `), stdout);
      }
    });
    for (
      const args of [
        ["get", "pods"],
        ["get", "po", "-o", "wide"],
        ["get", "pods", "-A"],
        ["get", "pods", "-o", "name"],
        ["get", "pod/web", "pod/done"],
        ["get", "pods", "web", "--no-headers"],
        ["get", "nodes"],
        ["get", "no", nodeName, "-o", "wide"],
        ["get", "pod", "failed", "-o", "json"],
        ["get", "pod", "init", "-o", "yaml"],
      ]
    ) await asKubectl(stage, args);
  },

  async "describe shows a pod and a node as kubectl does"(stage) {
    for (const name of ["failed", "init", "loop", "refused"]) {
      await asKubectl(stage, ["describe", "pod", name], sortedEvents);
    }
    await asKubectl(
      stage,
      ["get", "events"],
      (text) =>
        text.split("\n").filter((line) => line.includes("pod/failed"))
          .toSorted()
          .join("\n"),
    );
    // The lease is between the agent and the API server.
    await asKubectl(
      stage,
      ["describe", "node", nodeName],
      (text) =>
        sortedEvents(
          text.replace(/^Lease:\n( .*\n)+/m, "")
            .replace(/^ {9}kubectl.*\n/m, ""),
        ),
    );
  },

  async "top shows what pods and nodes use"(stage) {
    const pods = await farlet(stage, "top", "pods");
    assert.equal(pods.stderr, "");
    assert.match(pods.stdout, /^NAME +CPU\(cores\) +MEMORY\(bytes\) +\n/);
    assert.match(pods.stdout, /^web +\d+m +\d+Mi +$/m);
    const nodes = await farlet(stage, "top", "node", nodeName);
    assert.match(
      nodes.stdout,
      /^edge-1 +(\d+m +\d+% +\d+Mi +\d+%|<unknown>.*) +$/m,
    );
  },

  async "get says what is not there as kubectl does"(stage) {
    const { code, stdout, stderr } = await farlet(
      stage,
      ...["get", "pods", "nope", "web", "--no-headers"],
    );
    assert.match(stdout, /^web +1\/1 +Running /);
    const said = 'Error from server (NotFound): pods "nope" not found\n';
    assert.deepEqual({ code, stderr }, { code: 1, stderr: said });
    assert.deepEqual(await farlet(stage, "get", "pods", "-n", "other"), {
      code: 0,
      stdout: "",
      stderr: "No resources found in other namespace.\n",
    });
  },

  async "delete ends a pod through the API server, in kubectl's words"(stage) {
    const { cluster } = stage;
    const twin = { image: "memory" };
    await apply(cluster, "twin", twin, { nodeName });
    await phase(cluster, "twin", "Running");
    const { code, stdout, stderr } = await farlet(stage, "delete", "pod/web");
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    const kubectl = await cluster.kubectl(["delete", "pod", "twin"]);
    assert.equal(stdout, kubectl.replaceAll("twin", "web"));
    assert.doesNotMatch(await cluster.kubectl(["get", "pods"]), /^web /m);
    const again = await farlet(stage, "delete", "pod", "web");
    assert.deepEqual(again, {
      code: 1,
      stdout: "",
      stderr: 'Error from server (NotFound): pods "web" not found\n',
    });
  },

  async "without the API server pods are shown as they are, and deleted"(
    stage,
  ) {
    const { cluster } = stage;
    const args = ["sleep", "3000", "exit", "7"];
    await apply(cluster, "late", { image: "memory", args }, { nodeName });
    await apply(cluster, "gone", { image: "memory" }, { nodeName });
    await phase(cluster, "late", "Running");
    await phase(cluster, "gone", "Running");
    await cluster.stopApiServer();
    await eventually(async () => {
      const { stdout } = await farlet(stage, "get", "pods");
      assert.match(stdout, /^late +0\/1 +Error /m);
    });
    const { stdout } = await farlet(stage, "delete", "pod", "gone");
    assert.equal(stdout, 'pod "gone" deleted from default namespace\n');
    const rest = await farlet(stage, "get", "pods");
    assert.doesNotMatch(rest.stdout, /^gone /m);
    await cluster.startApiServer();
    await eventually(async () => {
      const pods = await cluster.kubectl(["get", "pods"]);
      assert.doesNotMatch(pods, /^gone /m);
      assert.match(pods, /^late +0\/1 +Error /m);
    });
  },

  async "a frozen API server does not keep a pod from its end"(stage) {
    const { cluster } = stage;
    await apply(cluster, "frozen", { image: "memory" }, { nodeName });
    await phase(cluster, "frozen", "Running");
    cluster.pauseApiServer();
    const { code, stderr } = await farlet(stage, "delete", "pod/frozen");
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    const { stdout } = await farlet(stage, "get", "pods", "-o", "name");
    assert.doesNotMatch(stdout, /frozen/);
    cluster.resumeApiServer();
    await eventually(async () => {
      const pods = await cluster.kubectl(["get", "pods", "-o", "name"]);
      assert.doesNotMatch(pods, /frozen/);
    });
  },
};

/** What happened within one second stands in no order. */
function sortedEvents(text: string): string {
  const [object, events = ""] = text.split(/^Events:/m);
  return [object, ...events.split("\n").toSorted()].join("\n");
}

/** Both print the same, as soon as both look within the same second. */
async function asKubectl(
  stage: Stage,
  args: readonly string[],
  common: (text: string) => string = String,
): Promise<void> {
  await eventually(async () => {
    const { stdout, stderr } = await farlet(stage, ...args);
    assert.equal(stderr, "");
    const kubectl = await stage.cluster.kubectl(args);
    assert.equal(common(stdout), common(kubectl), args.join(" "));
  });
}

function farlet(
  { stateDir }: Pick<Stage, "stateDir">,
  ...args: readonly string[]
): Promise<FarletResult> {
  return runFarlet(args, { env: { FARLET_STATE_DIR: stateDir } });
}

Deno.test("farlet get, describe and delete see the pods of farlet run, which ends with the last one", async () => {
  const stateDir = await Deno.makeTempDir({ prefix: "farlet-local-" });
  const stage = { stateDir };
  try {
    const nobody = await farlet(stage, "get", "pods");
    assert.equal(nobody.code, 1);
    assert.match(nobody.stderr, /^error: No agent runs here: /);
    const pods = ["web", "db"].map((name) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, labels: { app: name } },
      spec: { containers: [{ name: "app", image: "memory" }] },
    }));
    await using run = startFarlet(
      ["run", "--provider", "memory", "--verbose", "-"],
      {
        env: { FARLET_STATE_DIR: stateDir },
        stdin: pods.map((pod) => JSON.stringify(pod)).join("\n---\n"),
      },
    );
    await eventually(async () => {
      const { stdout } = await farlet(stage, "get", "pods");
      assert.match(stdout, /^db +1\/1 +Running +0 +\d+s$/m);
      assert.match(stdout, /^web +1\/1 +Running +0 +\d+s$/m);
    });
    const named = await farlet(
      stage,
      "get",
      "pods",
      "-l",
      "app=db",
      "-o",
      "name",
    );
    assert.equal(named.stdout, "pod/db\n");
    const node = await farlet(stage, "get", "nodes");
    assert.match(node.stdout, /^\S+ +Ready +<none> +\d+s +v1\.\d/m);
    const described = await farlet(stage, "describe", "pod", "web");
    assert.match(
      described.stdout,
      /^ +Normal +Started +\S+ +kubelet +\S+ Container started$/m,
    );
    await using watch = startFarlet(["get", "pods", "-w"], {
      env: { FARLET_STATE_DIR: stateDir },
    });
    await watch.printed("web ");
    const first = await farlet(stage, "delete", "pod", "db");
    assert.deepEqual([first.code, first.stdout], [
      0,
      'pod "db" deleted from default namespace\n',
    ]);
    const rest = await farlet(stage, "get", "pods", "-o", "name");
    assert.equal(rest.stdout, "pod/web\n");
    const last = await farlet(stage, "delete", "pod/web", "--now");
    assert.equal(last.code, 0, last.stderr);
    assert.equal((await run.result).code, 143);
    const { code, stdout } = await watch.result;
    assert.equal(code, 0);
    assert.match(stdout, /^web +1\/1 +Terminating /m);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(stateDir)), []);
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
});

Deno.test({
  ...needing(controlPlaneMissing(), "farlet get and delete"),
  async fn(t) {
    await using cluster = await startControlPlane();
    const stateDir = await Deno.makeTempDir({ prefix: "farlet-local-" });
    try {
      await using agent = AgentProcess.start({
        kubeconfig: cluster.kubeconfig,
        nodeName,
        stateDir,
        provider: "memory",
      });
      const stage = { cluster, stateDir, agent };
      for (const [name, step] of Object.entries(steps)) {
        if (!await t.step(name, () => step(stage))) break;
      }
      await agent.end("SIGTERM");
    } finally {
      await Deno.remove(stateDir, { recursive: true });
    }
  },
});

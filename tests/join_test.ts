import assert from "node:assert/strict";
import { join } from "node:path";
import type { Node } from "../k8s/types.ts";
import { AgentProcess, eventually } from "./agent_process.ts";
import { condition, get } from "./cluster_pods.ts";
import {
  type ControlPlane,
  controlPlaneMissing,
  startControlPlane,
} from "./controlplane.ts";
import { runFarlet } from "./farlet.ts";
import { needing } from "./needing.ts";
import { sshHostsMissing, startHost, type TestHost } from "./ssh_hosts.ts";

const missing = sshHostsMissing() ?? controlPlaneMissing();

interface Stage {
  readonly cluster: ControlPlane;
  readonly host: TestHost;
  readonly dir: string;
}

function test(name: string, run: (stage: Stage) => Promise<void>): void {
  Deno.test({
    ...needing(missing, name),
    async fn() {
      await using cluster = await startControlPlane();
      await using host = await startHost();
      const dir = await Deno.makeTempDir();
      try {
        await run({ cluster, host, dir });
      } finally {
        await Deno.remove(dir, { recursive: true });
      }
    },
  });
}

function flags({ cluster, host, dir }: Stage): readonly string[] {
  return [
    ...["-i", host.keyFile, "--known-hosts", host.knownHosts],
    ...["--kubeconfig", cluster.kubeconfig, "--state-dir", join(dir, "state")],
    ...["--node-ip", "127.0.0.1", "--kubelet-port", "0"],
  ];
}

test("farlet join --dry-run shows what is on the hosts, and joins none", async (stage) => {
  const { cluster, host } = stage;
  const good = `ssh://root@${host.address}`;
  const { code, stdout } = await runFarlet([
    ...["join", good, "--dry-run", ...flags(stage)],
  ]);
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^NODE +HOST +OS +ARCH +CPU +MEMORY +DISK +ENGINE +STATUS\n/,
  );
  assert.match(stdout, / root@\S+ .* podman \d\S+ +OK\n$/);
  const both = await runFarlet([
    ...["join", good, `${good}:2222`, "--dry-run", ...flags(stage)],
  ]);
  assert.equal(both.code, 2);
  assert.match(both.stderr, /it is named twice/);
  const bad = await runFarlet([
    ...["join", "ssh://root@127.0.0.1:1", good, ...flags(stage)],
  ]);
  assert.equal(bad.code, 1);
  assert.match(bad.stdout, /^127\.0\.0\.1 .* Failed$/m);
  assert.match(bad.stderr, /nothing listens on port 1;/);
  assert.match(bad.stderr, /Nothing was started; --keep-going/);
  assert.equal(await cluster.kubectl(["get", "nodes", "-o", "name"]), "");
});

test("farlet join makes a node, and farlet serve of what it saved makes the same", async (stage) => {
  const { cluster, host, dir } = stage;
  const saved = join(dir, "agent.yaml");
  const ready = () =>
    eventually(async () => {
      const node = await get<Node>(cluster, "node/joined");
      assert.equal(condition(node, "Ready"), "True KubeletReady");
      return node;
    });
  {
    await using agent = AgentProcess.run([
      ...["join", `ssh://root@${host.address}`, ...flags(stage)],
      ...["--node-name", "joined", "--save", saved, "--label", "farm=east"],
    ]);
    const node = await ready();
    assert.equal(node.metadata?.labels?.["farm"], "east");
    const taint = node.spec?.taints?.find(({ key }) =>
      key === "virtual-kubelet.io/provider"
    );
    assert.equal(taint?.value, "ssh");
    assert.match(
      node.status?.nodeInfo?.containerRuntimeVersion ?? "",
      /^podman:\/\/\d/,
    );
    assert.equal(await agent.end("SIGTERM"), 0);
  }
  const node = await get<Node>(cluster, "node/joined");
  assert.equal(condition(node, "Ready"), "False NodeShutdown");
  await using agent = AgentProcess.run(["serve", "--config", saved]);
  await ready();
  assert.equal(await agent.end("SIGTERM"), 0);
});

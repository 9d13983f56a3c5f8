import assert from "node:assert/strict";
import { join } from "node:path";
import { KubeClient } from "../k8s/client.ts";
import { loadCredentials } from "../k8s/kubeconfig.ts";
import type { Node } from "../k8s/types.ts";
import { RequestedCertificate } from "../kubelet/serving_csr.ts";
import { TestPki } from "../kubelet/test_pki.ts";
import { eventually } from "./agent_process.ts";
import {
  type ControlPlane,
  controlPlaneMissing,
  startControlPlane,
} from "./controlplane.ts";
import { type RunningFarlet, startFarlet } from "./farlet.ts";
import { needing } from "./needing.ts";

const timing = {
  poll: { base: 50, cap: 200 },
  error: { base: 50, cap: 200 },
  refused: { base: 50, cap: 200 },
};

interface SigningRequest {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly username: string };
}

Deno.test({
  ...needing(
    controlPlaneMissing({ controllers: true }),
    "The serving certificate, signed by a real control plane",
  ),
  async fn(t) {
    await using cluster = await startControlPlane({ controllers: true });
    await t.step(
      "farlet serve asks for it, waits, and shows it",
      (t) => serving(cluster, t),
    );
    await t.step(
      "it does not matter who asks, but for nodes",
      (t) => requesters(cluster, t),
    );
  },
});

async function serving(
  cluster: ControlPlane,
  t: Deno.TestContext,
): Promise<void> {
  const node = "signed";
  const start = () => startNode(cluster, node);
  {
    await using farlet = start();
    await t.step(
      "self-signed, with a condition that says what to do",
      async () => {
        const { name, spec } = await theRequest(cluster, node);
        assert.equal(spec.username, "admin");
        const told = await condition(cluster, node, "False");
        assert.equal(told.reason, "CSRPending");
        assert.ok(
          told.message?.endsWith(`kubectl certificate approve ${name}`),
        );
        assert.equal(await trusted(cluster, node), false);
      },
    );
    await t.step("signed, once somebody has approved it", async () => {
      const { name } = await theRequest(cluster, node);
      await cluster.kubectl(["certificate", "approve", name]);
      const told = await condition(cluster, node, "True");
      assert.equal(told.reason, "Signed");
      assert.equal(await trusted(cluster, node), true);
    });
    farlet.kill("SIGTERM");
    const { stderr } = await farlet.result;
    assert.equal(stderr.match(/certificate needs attention/g)?.length, 1);
  }
  await t.step("signed at once after a restart", async () => {
    await using farlet = start();
    await eventually(async () => assert.ok(await trusted(cluster, node)));
    const { reason } = await condition(cluster, node, "True");
    assert.equal(reason, "Signed");
    assert.equal((await requests(cluster, node)).length, 1);
    farlet.kill("SIGTERM");
    assert.doesNotMatch((await farlet.result).stderr, /needs attention/);
  });
  await t.step("self-signed, and says so, when it was denied", async () => {
    await using farlet = startNode(cluster, "denied");
    const { name } = await theRequest(cluster, "denied");
    await cluster.kubectl(["certificate", "deny", name]);
    await eventually(async () => {
      const told = await condition(cluster, "denied", "False");
      assert.equal(told.reason, "CSRDenied");
    });
    farlet.kill("SIGTERM");
    await farlet.result;
  });
}

async function requesters(
  cluster: ControlPlane,
  t: Deno.TestContext,
): Promise<void> {
  await using pki = await TestPki.of(join(cluster.dir, "pki"));
  for (const name of ["asker", "nobody"]) {
    await cluster.kubectl(["create", "serviceaccount", name]);
  }
  await cluster.kubectl([
    ...["create", "clusterrole", "asker", "--verb=create,get"],
    "--resource=certificatesigningrequests.certificates.k8s.io",
  ]);
  await cluster.kubectl([
    ...["create", "clusterrolebinding", "asker", "--clusterrole=asker"],
    "--serviceaccount=default:asker",
  ]);
  const certificate = async (subject: string) => {
    const { certificate, privateKey } = await pki.issue({ subject });
    return {
      "client-certificate-data": btoa(certificate),
      "client-key-data": btoa(privateKey),
    };
  };
  const token = async (name: string) => ({
    token: (await cluster.kubectl(["create", "token", name])).trim(),
  });
  const node = "/O=system:nodes/CN=system:node";
  const cases: readonly [who: string, user: object, want: string][] = [
    ["an administrator", await certificate("/O=system:masters/CN=a"), "Signed"],
    ["a service account that may", await token("asker"), "Signed"],
    ["a service account that may not", await token("nobody"), "CSRForbidden"],
    ["the node itself", await certificate(`${node}:n1`), "Signed"],
    ["another node", await certificate(`${node}:n2`), "CSRForbidden"],
  ];
  for (const [who, user, want] of cases) {
    await t.step(`${who}: ${want}`, async () => {
      using client = await clientOf(cluster, user);
      assert.equal(await askedBy(cluster, client), want);
    });
  }
}

/** Asks for the certificate of the node `n1` and approves it; the last reason of the condition. */
async function askedBy(
  cluster: ControlPlane,
  api: KubeClient,
): Promise<string> {
  const stateDirectory = await Deno.makeTempDir();
  const stop = new AbortController();
  const source = await RequestedCertificate.open({
    ...{ stateDirectory, nodeName: "n1", addresses: ["127.0.0.1"] },
    ...{ api, timing },
  });
  const running = source.run(() => Promise.resolve(), stop);
  try {
    for await (const _ of source.status.changes(stop)) {
      const { reason, message } = source.status.condition;
      if (reason === "CSRPending") {
        const [, name = ""] = /approve (\S+)$/.exec(message) ?? [];
        await cluster.kubectl(["certificate", "approve", name]);
      } else if (["Signed", "CSRForbidden"].includes(reason)) return reason;
    }
    throw new Error("The status has ended");
  } finally {
    stop.abort();
    await running;
    await Deno.remove(stateDirectory, { recursive: true });
  }
}

async function clientOf(
  cluster: ControlPlane,
  user: object,
): Promise<KubeClient> {
  const config = JSON.parse(await Deno.readTextFile(cluster.kubeconfig));
  config.users[0].user = user;
  const kubeconfig = join(cluster.dir, "requester.kubeconfig");
  await Deno.writeTextFile(kubeconfig, JSON.stringify(config));
  return new KubeClient(await loadCredentials({ kubeconfig, env: {} }));
}

function startNode(cluster: ControlPlane, node: string): RunningFarlet {
  const flags = {
    "--kubeconfig": cluster.kubeconfig,
    "--node-name": node,
    "--provider": "memory",
    "--node-ip": "127.0.0.1",
    "--kubelet-port": "0",
    "--state-dir": join(cluster.dir, `state-of-${node}`),
  };
  return startFarlet(["serve", ...Object.entries(flags).flat()]);
}

async function requests(
  cluster: ControlPlane,
  node: string,
): Promise<readonly SigningRequest[]> {
  const list = JSON.parse(await cluster.kubectl(["get", "csr", "-o", "json"]));
  return list.items.filter(({ metadata }: SigningRequest) =>
    metadata.name.startsWith(`${node}-serving-`)
  );
}

async function theRequest(cluster: ControlPlane, node: string) {
  return await eventually(async () => {
    const [request] = await requests(cluster, node);
    assert.ok(request);
    return { name: request.metadata.name, spec: request.spec };
  });
}

/** The node's condition, once it has that status. */
async function condition(cluster: ControlPlane, node: string, status: string) {
  return await eventually(async () => {
    const { status: nodeStatus }: Node = JSON.parse(
      await cluster.kubectl(["get", "node", node, "-o", "json"]),
    );
    const found = nodeStatus?.conditions?.find(({ type }) =>
      type === "ServingCertificateTrusted"
    );
    assert.equal(found?.status, status);
    return found;
  });
}

/** Whether a client that knows the cluster's CA believes the kubelet API of a node. */
async function trusted(cluster: ControlPlane, node: string): Promise<boolean> {
  const port = await cluster.kubectl([
    ...["get", "node", node, "-o"],
    "jsonpath={.status.daemonEndpoints.kubeletEndpoint.Port}",
  ]);
  const { code } = await new Deno.Command("curl", {
    args: [
      ...["-s", "-o", "/dev/null", "-m", "10"],
      ...["--cacert", join(cluster.dir, "pki", "ca.crt")],
      `https://127.0.0.1:${port}/healthz`,
    ],
  }).output();
  // 60: the certificate cannot be verified.
  assert.ok(code === 0 || code === 60, `curl ends with ${code}`);
  return code === 0;
}

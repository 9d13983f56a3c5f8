import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "./agent_process.ts";
import {
  type ControlPlane,
  controlPlaneMissing,
  startControlPlane,
} from "./controlplane.ts";
import { runFarlet, startFarlet } from "./farlet.ts";
import { needing } from "./needing.ts";

const pod = `
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { colour: red }
---
apiVersion: v1
kind: Pod
metadata: { name: web }
spec:
  nodeName: restricted
  containers:
    - name: main
      image: anything
      envFrom: [{ configMapRef: { name: settings } }]
      volumeMounts: [{ name: token, mountPath: /token }]
  volumes:
    - name: token
      projected: { sources: [{ serviceAccountToken: { path: token } }] }
`;

Deno.test({
  ...needing(
    controlPlaneMissing({ controllers: true }),
    "farlet serve needs no more than farlet print rbac gives",
  ),
  async fn() {
    await using cluster = await startControlPlane({ controllers: true });
    const rbac = ["print", "rbac", "--node-name", "restricted"];
    const { stdout: manifest } = await runFarlet(rbac);
    await cluster.kubectl(["apply", "-f", "-"], { stdin: manifest });
    const flags = {
      "--kubeconfig": await serviceAccountKubeconfig(cluster),
      "--node-name": "restricted",
      "--provider": "memory",
      "--node-ip": "127.0.0.1",
      "--kubelet-port": "0",
      "--state-dir": join(cluster.dir, "state"),
    };
    await using farlet = startFarlet([
      "serve",
      ...Object.entries(flags).flat(),
    ]);
    await eventually(() =>
      cluster.kubectl(["wait", "--for=condition=Ready", "node/restricted"])
    );
    await eventually(async () => {
      const names = await cluster.kubectl(["get", "csr", "-o", "name"]);
      assert.match(names, /restricted-serving-/);
      await cluster.kubectl([
        "certificate",
        "approve",
        names.trim().replace(/^.*\//, ""),
      ]);
    });
    await eventually(() =>
      cluster.kubectl([
        ...["wait", "--for=condition=ServingCertificateTrusted"],
        "node/restricted",
      ])
    );
    await cluster.kubectl(["apply", "-f", "-"], { stdin: pod });
    await cluster.kubectl(["wait", "--for=condition=Ready", "pod/web"]);
    await eventually(async () =>
      assert.match(
        await cluster.kubectl(["get", "events", "-o", "name"]),
        /event\/web\./,
      )
    );
    await cluster.kubectl(["logs", "web"]);
    await cluster.kubectl(["delete", "pod", "web", "--timeout=10s"]);
    await cluster.kubectl([
      "get",
      "lease",
      "-n",
      "kube-node-lease",
      "restricted",
    ]);
    farlet.kill("SIGTERM");
    const { code, stderr } = await farlet.result;
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /forbidden|Forbidden|403/);
  },
});

/** A kubeconfig with a token of the service account `farlet`; gone with the cluster. */
async function serviceAccountKubeconfig(
  cluster: ControlPlane,
): Promise<string> {
  const path = join(cluster.dir, "farlet.kubeconfig");
  await Deno.copyFile(cluster.kubeconfig, path);
  const token = await cluster.kubectl([
    "create",
    "token",
    "farlet",
    "-n=farlet",
  ]);
  const config = ["--kubeconfig", path, "config"];
  await cluster.kubectl([
    ...config,
    "set-credentials",
    "farlet",
    `--token=${token.trim()}`,
  ]);
  await cluster.kubectl([
    ...config,
    "set-context",
    "--current",
    "--user=farlet",
  ]);
  return path;
}

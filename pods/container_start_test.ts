import assert from "node:assert/strict";
import type { Container } from "../k8s/types.ts";
import type { ContainerSpec } from "../providers/container_spec.ts";
import { containerSpec, type StartContext } from "./container_start.ts";
import { FileObjects } from "./file_objects.ts";
import { desiredPod } from "./pod_spec.ts";

async function specOf(
  more: Partial<Container>,
  context: Partial<StartContext> = {},
): Promise<ContainerSpec> {
  const desired = desiredPod({
    metadata: { uid: "u", namespace: "shop", name: "web" },
    spec: { containers: [{ name: "app", image: "a:1", ...more }] },
  });
  const [container] = desired.containers;
  assert.ok(container);
  return await containerSpec(container, {
    desired,
    attempt: 2,
    image: { imageId: "sha256:1" },
    objects: new FileObjects({ configMaps: [], secrets: [] }),
    node: { ips: ["192.0.2.1"], allocatable: { memory: "10Gi" } },
    ips: [],
    ...context,
  }, { signal: new AbortController().signal });
}

Deno.test("containerSpec() of a container that says nothing is the least there is", async () => {
  assert.deepEqual(await specOf({}), {
    name: "app",
    attempt: 2,
    image: "a:1",
    imageId: "sha256:1",
    env: {},
    mounts: [],
    stdin: false,
    stdinOnce: false,
    tty: false,
    cpuRequestMillis: 0,
    oomScoreAdj: 1000,
    security: {
      supplementalGroups: [],
      privileged: false,
      readOnlyRootFilesystem: false,
      allowPrivilegeEscalation: true,
      capabilities: { add: [], drop: [] },
    },
    terminationMessagePath: "/dev/termination-log",
  });
});

Deno.test("containerSpec() has what the container says of its user, its share and its end", async () => {
  const lifecycle = { stopSignal: "SIGUSR1" } as object;
  const spec = await specOf({
    lifecycle,
    securityContext: { runAsUser: 5 },
    resources: { requests: { cpu: "250m", memory: "1Gi" } },
  });
  assert.equal(spec.stopSignal, "SIGUSR1");
  assert.equal(spec.security.runAsUser, 5);
  assert.equal(spec.cpuRequestMillis, 250);
  assert.equal(spec.oomScoreAdj, 900);
});

Deno.test("containerSpec() tells where the provider lets the API server be found", async () => {
  const apiServer = { host: "10.96.0.1", port: 6443 };
  const { env } = await specOf({
    env: [{ name: "URL", value: "https://$(KUBERNETES_SERVICE_HOST)/" }],
  }, { apiServer });
  assert.equal(env["KUBERNETES_SERVICE_HOST"], "10.96.0.1");
  assert.equal(env["KUBERNETES_SERVICE_PORT"], "6443");
  assert.equal(env["URL"], "https://10.96.0.1/");
});

Deno.test("containerSpec() refuses root where the pod forbids it, before anything else is read", async () => {
  const env = [{
    name: "A",
    valueFrom: { configMapKeyRef: { name: "none", key: "a" } },
  }];
  await assert.rejects(
    specOf({ env, securityContext: { runAsNonRoot: true } }),
    /container has runAsNonRoot and image will run as root/,
  );
});

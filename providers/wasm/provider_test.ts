import assert from "node:assert/strict";
import { join } from "node:path";
import type { Pod } from "../../k8s/types.ts";
import { kubernetesArch } from "./node_facts.ts";
import { createWasmProvider } from "./provider.ts";
import type { GuestTraits } from "./guest_traits.ts";
import { wasmRefusals } from "./refusals.ts";

const options = { signal: new AbortController().signal };

Deno.test("createWasmProvider() describes this machine", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const stateDir = join(dir, "state");
    await using provider = await createWasmProvider({
      stateDir,
      version: "1.2.3",
    });
    const facts = await provider.describeNode(options);
    assert.equal(facts.os, Deno.build.os);
    assert.equal(facts.runtimeVersion, "farlet-wasm://1.2.3");
    assert.equal(facts.pods, 110);
    assert.equal(facts.instanceType, "wasm");
    assert.ok(facts.cpuMillis >= 1000);
    assert.ok(facts.memoryBytes > 2 ** 20);
    assert.ok(facts.ephemeralStorageBytes > 2 ** 20);
    assert.deepEqual(await provider.checkHealth(options), { kind: "healthy" });
    await assert.rejects(
      createWasmProvider({ stateDir, version: "1.2.3" }),
      /another agent/,
    );
    await Deno.rename(stateDir, join(dir, "gone"));
    assert.equal((await provider.checkHealth(options)).kind, "unhealthy");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("node facts use the words of Kubernetes", () => {
  assert.equal(kubernetesArch("x86_64"), "amd64");
  assert.equal(kubernetesArch("aarch64"), "arm64");
});

const unprivileged: GuestTraits = {
  uid: 1000,
  gid: 1000,
  choosesUsers: false,
  mounts: false,
  limitsCpu: true,
};

Deno.test("wasmRefusals() passes users and memory volumes where the agent is root", () => {
  const pod: Pod = {
    spec: {
      securityContext: {
        runAsUser: 1001,
        runAsGroup: 1002,
        runAsNonRoot: true,
        supplementalGroups: [1],
        fsGroup: 2,
      },
      volumes: [{ name: "a", emptyDir: { medium: "Memory" } }],
      containers: [{
        name: "main",
        resources: { limits: { cpu: "1" } },
        securityContext: { runAsUser: 0 },
      }],
    },
  };
  const root = { ...unprivileged, choosesUsers: true, mounts: true };
  assert.deepEqual(wasmRefusals(pod, root), []);
  const elsewhere = { ...root, limitsCpu: false };
  assert.deepEqual(wasmRefusals(pod, elsewhere).map(({ field }) => field), [
    "spec.containers[0].resources.limits[cpu]",
  ]);
  const huge: Pod = {
    spec: {
      volumes: [{ name: "a", emptyDir: { medium: "HugePages" } }],
      containers: [],
    },
  };
  assert.deepEqual(wasmRefusals(huge, root).map(({ field }) => field), [
    "spec.volumes[0].emptyDir.medium",
  ]);
});

Deno.test("wasmRefusals() passes what admission adds to every pod", () => {
  const pod: Pod = {
    spec: {
      containers: [{
        name: "main",
        image: "app",
        ports: [{ containerPort: 80, protocol: "TCP" }],
        resources: {
          requests: { cpu: "100m", memory: "1Mi" },
          limits: { memory: "64Mi" },
        },
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"] },
          privileged: false,
          readOnlyRootFilesystem: true,
          runAsNonRoot: true,
          runAsUser: 1000,
          seccompProfile: { type: "RuntimeDefault" },
        },
        volumeMounts: [{
          mountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
          name: "kube-api-access",
          readOnly: true,
        }],
      }],
      dnsPolicy: "ClusterFirst",
      enableServiceLinks: true,
      hostNetwork: false,
      schedulerName: "default-scheduler",
      securityContext: { fsGroup: 2000 },
      serviceAccountName: "default",
      terminationGracePeriodSeconds: 30,
      tolerations: [{ key: "node.kubernetes.io/not-ready" }],
      volumes: [{ name: "kube-api-access", projected: { sources: [] } }, {
        name: "tmp",
        emptyDir: {},
      }],
    },
  };
  assert.deepEqual(wasmRefusals(pod, unprivileged), []);
  assert.deepEqual(wasmRefusals({}, unprivileged), []);
});

Deno.test("wasmRefusals() names each field that cannot be honoured", () => {
  const pod: Pod = {
    spec: {
      hostNetwork: true,
      hostPID: true,
      hostIPC: true,
      shareProcessNamespace: true,
      hostAliases: [{ ip: "10.0.0.1" }],
      dnsConfig: {},
      ephemeralContainers: [{
        name: "debug",
        securityContext: { privileged: true },
      }],
      securityContext: {
        runAsUser: 1000,
        runAsGroup: 1000,
        runAsNonRoot: true,
        supplementalGroups: [1],
        sysctls: [{ name: "a", value: "b" }],
        seccompProfile: { type: "Localhost" },
        seLinuxOptions: { level: "s0" },
      },
      volumes: [
        { name: "a", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
        {
          name: "b",
          hostPath: { path: "/dev/null", type: "CharDevice" },
        },
      ],
      initContainers: [{
        name: "first",
        securityContext: { privileged: true },
      }],
      containers: [{
        name: "main",
        lifecycle: { stopSignal: "SIGUSR1" } as object,
        ports: [{ containerPort: 80, hostPort: 80 }],
        resources: {
          limits: {
            "example.com/gpu": "1",
            cpu: "1",
            "ephemeral-storage": "1Gi",
          },
          requests: { "example.com/gpu": "1" },
        },
        securityContext: {
          privileged: true,
          capabilities: { add: ["NET_ADMIN"] },
          procMount: "Unmasked",
        },
        volumeDevices: [{ name: "disk", devicePath: "/dev/sda" }],
        volumeMounts: [{
          name: "a",
          mountPath: "/a",
          mountPropagation: "Bidirectional",
        }],
      }],
    },
  };
  const fields = wasmRefusals(pod, { ...unprivileged, uid: 0, gid: 0 }).map((
    { field },
  ) => field);
  assert.deepEqual(fields, [
    "spec.hostPID",
    "spec.hostIPC",
    "spec.shareProcessNamespace",
    "spec.securityContext.supplementalGroups",
    "spec.securityContext.sysctls",
    "spec.securityContext.runAsUser",
    "spec.securityContext.runAsGroup",
    "spec.securityContext.runAsNonRoot",
    "spec.securityContext.seccompProfile",
    "spec.securityContext.seLinuxOptions",
    "spec.volumes[0].emptyDir.medium",
    "spec.volumes[1].hostPath.type",
    "spec.initContainers[0].securityContext.privileged",
    "spec.containers[0].securityContext.privileged",
    "spec.containers[0].securityContext.capabilities.add",
    "spec.containers[0].securityContext.procMount",
    "spec.containers[0].volumeDevices",
    "spec.containers[0].volumeMounts[0].mountPropagation",
    "spec.containers[0].lifecycle.stopSignal",
    "spec.containers[0].resources.limits[example.com/gpu]",
    "spec.containers[0].resources.requests[example.com/gpu]",
    "spec.ephemeralContainers[0].securityContext.privileged",
  ]);
});

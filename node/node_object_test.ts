// deno-lint-ignore-file no-non-null-assertion
import assert from "node:assert/strict";
import type { NodeFacts } from "../providers/provider.ts";
import { nodeConditions } from "./conditions.ts";
import type { NodeConfig } from "./node_config.ts";
import { nodeObject, nodeStatus } from "./node_object.ts";

const facts: NodeFacts = {
  os: "linux",
  arch: "arm64",
  hostname: "pi-7",
  osImage: "Debian GNU/Linux 13 (trixie)",
  kernelVersion: "6.12.1",
  runtimeVersion: "docker://27.1.1",
  machineId: "m-1",
  bootId: "b-1",
  cpuMillis: 4000,
  memoryBytes: 8 * 1024 ** 3,
  ephemeralStorageBytes: 100 * 1024 ** 3,
  pods: 110,
  instanceType: "ssh",
};
const config: NodeConfig = {
  name: "edge-7",
  version: "0.1.0",
  addresses: ["10.0.0.5", "fd00::5"],
  kubeletPort: 10250,
  labels: {},
  annotations: {},
};

function node(changes: Partial<NodeConfig> = {}) {
  const description = {
    config: { ...config, ...changes },
    provider: "ssh",
    facts,
  };
  return nodeObject(
    description,
    nodeConditions({ kind: "ready" }, [], new Date(0)),
  );
}

Deno.test("nodeObject() labels the node with what it is", () => {
  assert.deepEqual(node({ labels: { zone: "a" } }).metadata?.labels, {
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": "arm64",
    "kubernetes.io/hostname": "edge-7",
    "node.kubernetes.io/instance-type": "ssh",
    type: "virtual-kubelet",
    zone: "a",
  });
});

Deno.test("nodeObject() takes what the provider says for which system its containers are made", () => {
  const labels = { "kubernetes.io/os": "wasi", "example.com/x": "y" };
  const { metadata, status } = nodeObject({
    ...{ config, provider: "wasm", facts: { ...facts, labels } },
  }, nodeConditions({ kind: "ready" }, [], new Date(0)));
  assert.equal(metadata?.labels?.["kubernetes.io/os"], "wasi");
  assert.equal(metadata?.labels?.["kubernetes.io/arch"], "arm64");
  assert.equal(metadata?.labels?.["example.com/x"], "y");
  assert.equal(status?.nodeInfo?.operatingSystem, "linux");
});

Deno.test("nodeObject() lets the operator decide the instance type", () => {
  const key = "node.kubernetes.io/instance-type";
  const { metadata } = node({ labels: { [key]: "rpi5" } });
  assert.equal(metadata?.labels?.[key], "rpi5");
});

Deno.test("nodeObject() cuts a long name to a valid hostname label", () => {
  const { metadata } = node({ name: `${"a".repeat(62)}.${"b".repeat(9)}` });
  assert.equal(metadata?.labels?.["kubernetes.io/hostname"], "a".repeat(62));
});

Deno.test("nodeObject() taints the node with its provider by default", () => {
  assert.deepEqual(node().spec, {
    taints: [{
      key: "virtual-kubelet.io/provider",
      value: "ssh",
      effect: "NoSchedule",
    }],
  });
});

Deno.test("nodeObject() sets no taint when told so, and the provider ID when there is one", () => {
  assert.deepEqual(node({ taints: [] }).spec, {});
  assert.deepEqual(node({ taints: [], providerId: "ssh://pi-7" }).spec, {
    providerID: "ssh://pi-7",
  });
});

Deno.test("nodeObject() says on the node what farlet owns", () => {
  const { metadata } = node({ labels: { zone: "a" }, annotations: { x: "y" } });
  const annotations = metadata?.annotations ?? {};
  assert.equal(annotations["x"], "y");
  assert.equal(annotations["farlet.dev/owned-annotations"], "x");
  assert.equal(
    annotations["farlet.dev/owned-taints"],
    "virtual-kubelet.io/provider=ssh:NoSchedule",
  );
  assert.match(annotations["farlet.dev/owned-labels"]!, /type=.*,zone=a$/);
});

Deno.test("nodeStatus() is complete, in canonical quantities", () => {
  const status = nodeStatus({ config, provider: "ssh", facts }, []);
  const resources = {
    cpu: "4",
    memory: "8Gi",
    "ephemeral-storage": "100Gi",
    pods: "110",
  };
  assert.deepEqual(status, {
    addresses: [
      { type: "InternalIP", address: "10.0.0.5" },
      { type: "InternalIP", address: "fd00::5" },
    ],
    capacity: resources,
    allocatable: resources,
    conditions: [],
    declaredFeatures: [
      "ExtendWebSocketsToKubelet",
      "GuaranteedQoSPodCPUResize",
      "InPlacePodVerticalScalingInitContainers",
      "RestartAllContainersOnContainerExits",
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    nodeInfo: {
      architecture: "arm64",
      bootID: "b-1",
      containerRuntimeVersion: "docker://27.1.1",
      kernelVersion: "6.12.1",
      kubeProxyVersion: "",
      kubeletVersion: "v1.37.2-farlet-0.1.0",
      machineID: "m-1",
      operatingSystem: "linux",
      osImage: "Debian GNU/Linux 13 (trixie)",
      systemUUID: "m-1",
    },
  });
});

Deno.test("nodeStatus() publishes a hostname only when there is one to dial", () => {
  const { addresses } = nodeStatus({
    config: { ...config, hostname: "edge-7.example" },
    provider: "ssh",
    facts,
  }, []);
  assert.deepEqual(addresses?.at(-1), {
    type: "Hostname",
    address: "edge-7.example",
  });
});

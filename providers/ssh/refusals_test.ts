import assert from "node:assert/strict";
import type { Container, Pod, PodSpec } from "../../k8s/types.ts";
import { type HostTraits, sshRefusals } from "./refusals.ts";

const root: HostTraits = { rootless: false, cgroupVersion: 2, mounts: true };
const plain: HostTraits = { rootless: true, cgroupVersion: 2, mounts: false };

function fields(spec: Partial<PodSpec>, traits?: HostTraits): string[] {
  const pod: Pod = { spec: { containers: [], ...spec } };
  return sshRefusals(pod, traits).map(({ field }) => field);
}

function containerFields(
  container: Partial<Container>,
  traits?: HostTraits,
): string[] {
  const containers = [{ name: "app", image: "busybox", ...container }];
  return fields({ containers }, traits).map((field) =>
    field.replace("spec.containers[0].", "")
  );
}

const everything: Pod = {
  spec: {
    os: { name: "linux" },
    hostNetwork: true,
    hostPID: true,
    hostIPC: true,
    hostUsers: true,
    shareProcessNamespace: true,
    hostAliases: [{ ip: "10.0.0.1", hostnames: ["a"] }],
    dnsPolicy: "None",
    dnsConfig: { nameservers: ["10.0.0.1"] },
    securityContext: {
      fsGroup: 1,
      supplementalGroups: [2],
      runAsUser: 3,
      seccompProfile: { type: "Localhost", localhostProfile: "p" },
      seLinuxOptions: { type: "spc_t" },
    },
    initContainers: [{ name: "init", image: "busybox" }],
    containers: [{
      name: "app",
      image: "busybox",
      tty: true,
      stdin: true,
      ports: [{ containerPort: 80, hostPort: 80, protocol: "SCTP" }],
      resources: {
        limits: { cpu: "1", memory: "1Gi", "ephemeral-storage": "1Gi" },
        requests: { cpu: "1", memory: "1Gi", "ephemeral-storage": "1Gi" },
      },
      securityContext: {
        privileged: true,
        procMount: "Default",
        capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] },
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: true,
        appArmorProfile: { type: "Unconfined" },
      },
      volumeMounts: [
        { name: "a", mountPath: "/a", mountPropagation: "Bidirectional" },
        { name: "a", mountPath: "/b", recursiveReadOnly: "IfPossible" },
      ],
    }],
    volumes: [
      { name: "a", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
      { name: "b", hostPath: { path: "/dev/null", type: "CharDevice" } },
    ],
  },
};

Deno.test("sshRefusals() has nothing against what an engine with root can do", () => {
  assert.deepEqual(sshRefusals(everything, root), []);
  assert.deepEqual(sshRefusals(everything, undefined), []);
  assert.deepEqual(sshRefusals({}, root), []);
});

Deno.test("sshRefusals() names what a rootless engine cannot do", () => {
  assert.deepEqual(
    sshRefusals(everything, plain).map(({ field }) => field),
    [
      "spec.volumes[0].emptyDir.medium",
      "spec.containers[0].securityContext.privileged",
      "spec.containers[0].ports[0].hostPort",
      "spec.containers[0].volumeMounts[0].mountPropagation",
    ],
  );
  const ports = [{ containerPort: 80, hostPort: 80 }];
  const open = { ...plain, unprivilegedPortStart: 80 };
  assert.deepEqual(containerFields({ ports }, open), []);
  const resources = { limits: { cpu: "1", memory: "1Gi" } };
  assert.deepEqual(containerFields({ resources }, plain), []);
  assert.deepEqual(
    containerFields({ resources }, { ...plain, cgroupVersion: 1 }),
    ["resources.limits[cpu]", "resources.limits[memory]"],
  );
});

Deno.test("sshRefusals() names what an engine cannot mount of images", () => {
  const volumes = [
    { name: "dir", emptyDir: {} },
    { name: "data", image: { reference: "data:1" } },
  ];
  const containers = [{
    name: "app",
    volumeMounts: [
      { name: "dir", mountPath: "/a", subPath: "etc" },
      { name: "data", mountPath: "/b" },
      { name: "data", mountPath: "/c", subPath: "etc" },
      { name: "data", mountPath: "/d", subPathExpr: "$(A)" },
    ],
  }];
  const named = (images: HostTraits["images"]) =>
    fields({ volumes, containers }, { ...root, ...(images && { images }) });
  assert.deepEqual(named(undefined), []);
  assert.deepEqual(named("paths"), []);
  assert.deepEqual(named("none"), ["spec.volumes[1].image"]);
  assert.deepEqual(named("images"), [
    "spec.containers[0].volumeMounts[2].subPath",
    "spec.containers[0].volumeMounts[3].subPathExpr",
  ]);
});

const podCases: readonly (readonly [string, Partial<PodSpec>])[] = [
  ["spec.os.name", { os: { name: "windows" } }],
  ["spec.hostUsers", { hostUsers: false }],
  ["spec.securityContext.supplementalGroupsPolicy", {
    securityContext: { supplementalGroupsPolicy: "Strict" } as object,
  }],
  ["spec.securityContext.sysctls[1].name", {
    securityContext: {
      sysctls: [
        { name: "net/ipv4/tcp_rmem", value: "1" },
        { name: "kernel.msgmax", value: "1" },
      ],
    },
  }],
  ["spec.securityContext.sysctls[0].name", {
    hostNetwork: true,
    securityContext: {
      sysctls: [{ name: "net.ipv4.tcp_syncookies", value: "1" }],
    },
  }],
  ["spec.securityContext.sysctls[0].name", {
    hostIPC: true,
    securityContext: {
      sysctls: [{ name: "kernel.shm_rmid_forced", value: "1" }],
    },
  }],
  ["spec.volumes[0].emptyDir.medium", {
    volumes: [{ name: "huge", emptyDir: { medium: "HugePages-2Mi" } }],
  }],
];
for (const [field, spec] of podCases) {
  Deno.test(`sshRefusals() refuses ${field} of ${JSON.stringify(spec)}`, () => {
    assert.deepEqual(fields(spec, root), [field]);
  });
}

const containerCases: readonly (readonly [string, Partial<Container>])[] = [
  ["securityContext.procMount", { securityContext: { procMount: "Unmasked" } }],
  ["volumeMounts[0].mountPropagation", {
    volumeMounts: [
      { name: "a", mountPath: "/a", mountPropagation: "Bidirectional" },
    ],
  }],
  ["volumeMounts[0].recursiveReadOnly", {
    volumeMounts: [
      { name: "a", mountPath: "/a", recursiveReadOnly: "Enabled" },
    ],
  }],
  ["resources.limits[nvidia.com/gpu]", {
    resources: {
      limits: { "nvidia.com/gpu": "1" },
      requests: { "nvidia.com/gpu": "1" },
    },
  }],
  [
    "resources.requests[hugepages-2Mi]",
    { resources: { requests: { "hugepages-2Mi": "1Gi" } } },
  ],
];
for (const [field, container] of containerCases) {
  Deno.test(`sshRefusals() refuses a container's ${field}`, () => {
    assert.deepEqual(containerFields(container, root), [field]);
    const initContainers = [{ name: "i", image: "i", ...container }];
    assert.deepEqual(fields({ initContainers }, root), [
      `spec.initContainers[0].${field}`,
    ]);
  });
}

Deno.test("sshRefusals() lets a pod set the unsafe sysctls that its node allows", () => {
  const sysctls = ["kernel.msgmax", "kernel.shmmax"].map((name) => ({
    name,
    value: "1",
  }));
  const pod = { spec: { containers: [], securityContext: { sysctls } } };
  const allowedUnsafeSysctls = ["kernel.msg*"];
  const refusals = sshRefusals(pod, root, { allowedUnsafeSysctls });
  assert.deepEqual(refusals.map(({ field }) => field), [
    "spec.securityContext.sysctls[1].name",
  ]);
});

Deno.test("sshRefusals() lets a pod have options for Windows, as a kubelet on Linux does", () => {
  const securityContext = { windowsOptions: { runAsUserName: "x" } };
  const containers = [{ name: "app", securityContext }];
  assert.deepEqual(fields({ securityContext, containers }, root), []);
});

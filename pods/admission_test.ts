import assert from "node:assert/strict";
import type { Pod } from "../k8s/types.ts";
import {
  type AdmittingNode,
  rejectedStatus,
  rejectionOf,
  wasRejected,
} from "./admission.ts";
import { AdmittedPods } from "./admitted_pods.ts";

const node: AdmittingNode = {
  name: "n1",
  allocatable: {
    cpu: "2",
    memory: "1Gi",
    "ephemeral-storage": "10Gi",
    pods: "2",
  },
  labels: { "kubernetes.io/os": "linux" },
  taints: [
    { key: "busy", effect: "NoSchedule" },
    { key: "broken", effect: "NoExecute" },
  ],
};

type Spec = Partial<NonNullable<Pod["spec"]>>;

function pod(spec: Spec = {}, labels: Record<string, string> = {}): Pod {
  const tolerations = [{ key: "broken", operator: "Exists" }];
  return {
    metadata: { uid: "u", labels },
    spec: { containers: [{ name: "c" }], tolerations, ...spec },
  };
}
function asking(requests: Record<string, string>): Pod {
  return pod({ containers: [{ name: "c", resources: { requests } }] });
}
function port(hostPort: number, more: object = {}): Spec {
  const ports = [{ containerPort: 80, hostPort, ...more }];
  return { containers: [{ name: "c", ports }] };
}
function sysctl(name: string, spec: Spec = {}): Pod {
  const sysctls = [{ name, value: "1" }];
  return pod({ securityContext: { sysctls }, ...spec });
}

/** One pod that has a core, a quarter of the memory, and port 80 of one address. */
function busy(): AdmittedPods {
  const admitted = new AdmittedPods();
  const resources = { requests: { cpu: "1", memory: "256Mi" } };
  const ports = [{ containerPort: 80, hostPort: 80, hostIP: "10.0.0.1" }];
  admitted.add("other", {
    spec: { containers: [{ name: "c", resources, ports }] },
  });
  return admitted;
}

const outOf = (what: string, requested: number, used: number, all: number) =>
  `OutOf${what}: Node didn't have enough resource: ${what}, requested: ${requested}, used: ${used}, capacity: ${all}`;
const ports =
  "NodePorts: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
const sysctls = "SysctlForbidden: forbidden sysctl: ";

const table: readonly (readonly [string, Pod, string | undefined])[] = [
  ["a pod that asks for nothing", pod(), undefined],
  [
    "a pod for which there is just room",
    asking({ cpu: "1", memory: "768Mi" }),
    undefined,
  ],
  ["too much CPU", asking({ cpu: "1001m" }), outOf("cpu", 1001, 1000, 2000)],
  [
    "too much memory, after the CPU that is enough",
    asking({ cpu: "1", memory: "1Gi" }),
    outOf("memory", 1024 ** 3, 256 * 1024 ** 2, 1024 ** 3),
  ],
  [
    "too much disk",
    asking({ "ephemeral-storage": "11Gi" }),
    outOf("ephemeral-storage", 11 * 1024 ** 3, 0, 10 * 1024 ** 3),
  ],
  [
    "huge pages",
    asking({ "hugepages-2Mi": "2Mi" }),
    outOf("hugepages-2Mi", 2 * 1024 ** 2, 0, 0),
  ],
  [
    "an extended resource that the cluster may have",
    asking({ "a.com/token": "1" }),
    undefined,
  ],
  ["a free port", pod(port(81)), undefined],
  [
    "its port on another address",
    pod(port(80, { hostIP: "10.0.0.2" })),
    undefined,
  ],
  [
    "its port of another protocol",
    pod(port(80, { protocol: "UDP" })),
    undefined,
  ],
  ["a port that another has on one address", pod(port(80)), ports],
  ["the same port and address", pod(port(80, { hostIP: "10.0.0.1" })), ports],
  [
    "another system",
    pod({ os: { name: "windows" } }),
    "PodOSNotSupported: Failed to admit pod as the OS field doesn't match node OS",
  ],
  [
    "another system by its label",
    pod({}, { "kubernetes.io/os": "windows" }),
    "PodOSSelectorNodeLabelDoesNotMatch: Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
  ],
  [
    "other labels",
    pod({ nodeSelector: { disk: "ssd" } }),
    "NodeAffinity: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  ],
  [
    "another node",
    pod({ nodeName: "n2" }),
    "NodeName: Predicate NodeName failed: node(s) didn't match the requested node name",
  ],
  [
    "a node without taints that expel it",
    pod({ tolerations: [] }),
    "TaintToleration: Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
  ],
  ["a safe sysctl", sysctl("net/ipv4/tcp_syncookies"), undefined],
  [
    "an unsafe sysctl",
    sysctl("kernel.shmmax"),
    `${sysctls}"kernel.shmmax" not allowlisted`,
  ],
  [
    "a sysctl of the host's network",
    sysctl("net.ipv4.tcp_syncookies", { hostNetwork: true }),
    `${sysctls}"net.ipv4.tcp_syncookies" not allowed with host net enabled`,
  ],
  [
    "only the groups that it names",
    pod({
      securityContext: { supplementalGroupsPolicy: "Strict" } as object,
    }),
    "SupplementalGroupsPolicyNotSupported: SupplementalGroupsPolicy=Strict is not supported in this node",
  ],
];
for (const [claim, pod, want] of table) {
  Deno.test(`rejectionOf() answers a pod that wants ${claim}`, () => {
    const found = rejectionOf(pod, node, busy());
    assert.equal(found && `${found.reason}: ${found.message}`, want);
  });
}

Deno.test("rejectionOf() lets pods set the unsafe sysctls that the node allows", () => {
  const admitting = { ...node, allowedUnsafeSysctls: ["kernel.msg*"] };
  const why = (pod: Pod) => rejectionOf(pod, admitting, busy())?.message;
  assert.equal(why(sysctl("kernel.msgmax")), undefined);
  assert.equal(why(sysctl("kernel/msgmax")), undefined);
  assert.equal(
    why(sysctl("kernel.msgmax", { hostIPC: true })),
    'forbidden sysctl: "kernel.msgmax" not allowed with host ipc enabled',
  );
  assert.equal(
    why(sysctl("kernel.shmmax")),
    'forbidden sysctl: "kernel.shmmax" not allowlisted',
  );
});

Deno.test("rejectionOf() counts pods", () => {
  const admitted = busy();
  admitted.add("third", pod());
  assert.deepEqual(rejectionOf(pod(), node, admitted), {
    reason: "OutOfpods",
    message:
      "Node didn't have enough resource: pods, requested: 1, used: 2, capacity: 2",
    shortages: [{ resource: "pods", requested: 1, used: 2, capacity: 2 }],
  });
});

Deno.test("rejectionOf() tells all that a pod lacks, where room is all that it lacks", () => {
  const large = asking({ cpu: "2", memory: "1Gi" });
  const { reason, shortages = [] } = rejectionOf(large, node, busy()) ?? {};
  assert.equal(reason, "OutOfcpu");
  assert.deepEqual(shortages.map(({ resource }) => resource), [
    "cpu",
    "memory",
  ]);
  const picky = { ...large.spec, nodeSelector: { disk: "ssd" } };
  const elsewhere = rejectionOf(pod(picky), node, busy());
  assert.equal(elsewhere?.reason, "OutOfcpu");
  assert.equal(elsewhere.shortages, undefined);
  const critical = pod({ ...picky, priority: 2_000_000_000 });
  assert.equal(rejectionOf(critical, node, busy())?.reason, "NodeAffinity");
});

Deno.test("rejectionOf() does not count what is not known of a node", () => {
  const unknown: AdmittingNode = { allocatable: {} };
  const wanted = [
    asking({ cpu: "99", "hugepages-2Mi": "2Mi" }),
    pod({
      nodeSelector: { a: "b" },
      tolerations: [],
    }),
  ];
  for (const pod of wanted) {
    assert.equal(rejectionOf(pod, unknown, busy()), undefined);
  }
});

Deno.test("rejectedStatus() is one that the next agent knows", () => {
  const rejection = { reason: "OutOfcpu", message: "too much" };
  const now = new Date("2026-01-01T00:00:00Z");
  const status = rejectedStatus(rejection, { before: undefined, now });
  assert.deepEqual(status, {
    phase: "Failed",
    reason: "OutOfcpu",
    message: "Pod was rejected: too much",
    startTime: "2026-01-01T00:00:00Z",
  });
  assert.equal(wasRejected({ status }), true);
  const ran = { ...status, message: "Pod ran too long" };
  assert.equal(wasRejected({ status: ran }), false);
});

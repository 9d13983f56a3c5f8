import assert from "node:assert/strict";
import type { Container, Pod } from "../k8s/types.ts";
import { containerResources, podLimitRefusals } from "./container_resources.ts";
import { oomScoreAdj, qosClass } from "./quality_of_service.ts";

type Resources = NonNullable<Container["resources"]>;
type Amounts = Record<string, string>;

function resources(requests?: Amounts, limits?: Amounts): Resources {
  return { ...(requests ? { requests } : {}), ...(limits ? { limits } : {}) };
}

function podOf(...all: Resources[]): Pod {
  return {
    spec: {
      containers: all.map((resources, i) => ({ name: `c${i}`, resources })),
    },
  };
}

const half = { cpu: "500m", memory: "1Gi" };
const classes: readonly (readonly [string, Pod, string])[] = [
  ["nothing", podOf({}), "BestEffort"],
  ["zeros", podOf(resources({ cpu: "0", memory: "0" })), "BestEffort"],
  ["only a GPU", podOf(resources({}, { "a.com/gpu": "1" })), "BestEffort"],
  ["a request", podOf(resources({ cpu: "1m" })), "Burstable"],
  ["limits for all", podOf(resources(undefined, half)), "Guaranteed"],
  [
    "the same amounts, written otherwise",
    podOf(resources({ cpu: "0.5", memory: "1024Mi" }, half)),
    "Guaranteed",
  ],
  [
    "less asked than limited",
    podOf(resources({ cpu: "1m" }, half)),
    "Burstable",
  ],
  ["no limit of memory", podOf(resources({}, { cpu: "1" })), "Burstable"],
  ["limits of one container", podOf(resources({}, half), {}), "Burstable"],
  [
    "limits of containers but not of an init container",
    {
      spec: {
        ...podOf(resources({}, half)).spec,
        containers: podOf(resources({}, half)).spec?.containers ?? [],
        initContainers: [{ name: "i" }],
      },
    },
    "Burstable",
  ],
  [
    "what the API says",
    { ...podOf({}), status: { qosClass: "Guaranteed" } },
    "Guaranteed",
  ],
];
for (const [claim, pod, want] of classes) {
  Deno.test(`qosClass() of a pod with ${claim} is ${want}`, () => {
    assert.equal(qosClass(pod), want);
  });
}

const gi = 1024 ** 3;
const scores: readonly (readonly [string, Resources, number])[] = [
  ["BestEffort", {}, 1000],
  ["Guaranteed", resources({}, half), -997],
  [
    "Burstable and asks for a tenth of the memory",
    resources({ memory: "1Gi" }),
    900,
  ],
  ["Burstable and asks for no memory", resources({ cpu: "1" }), 999],
  ["Burstable and asks for all memory", resources({ memory: "10Gi" }), 3],
  [
    "Burstable and asks for more than there is",
    resources({ memory: "99Gi" }),
    3,
  ],
];
for (const [claim, asked, want] of scores) {
  Deno.test(`oomScoreAdj() of a container that is ${claim} is ${want}`, () => {
    const container = { name: "c0", resources: asked };
    assert.equal(oomScoreAdj(podOf(asked), container, 10 * gi), want);
  });
}

Deno.test("oomScoreAdj() of a critical pod is the lowest, and of an unknown node that of no request", () => {
  const critical: Pod = {
    spec: { containers: [], priorityClassName: "system-node-critical" },
  };
  assert.equal(oomScoreAdj(critical, { name: "c" }, gi), -997);
  const asked = resources({ memory: "1Gi" });
  const container = { name: "c0", resources: asked };
  assert.equal(oomScoreAdj(podOf(asked), container, undefined), 999);
});

Deno.test("containerResources() takes the limit for an absent request, and 0 for no limit", () => {
  const allocatable = { memory: "10Gi" };
  const of = (resources: Resources) =>
    containerResources(podOf(resources), { name: "c0", resources }, {
      allocatable,
    });
  assert.deepEqual(of(resources(undefined, { cpu: "1.5", memory: "0" })), {
    cpuLimitMillis: 1500,
    cpuRequestMillis: 1500,
    oomScoreAdj: 999,
  });
  assert.deepEqual(of(resources({ cpu: "100m" }, { memory: "1Gi" })), {
    memoryLimitBytes: gi,
    cpuRequestMillis: 100,
    oomScoreAdj: 900,
  });
  assert.deepEqual(of({}), { cpuRequestMillis: 0, oomScoreAdj: 1000 });
});

Deno.test("oomScoreAdj() of a sidecar is never earlier than that of the container which asked for least", () => {
  const sidecar = {
    name: "side",
    restartPolicy: "Always",
    resources: resources({ memory: "1Gi" }),
  };
  const pod: Pod = {
    spec: {
      containers: [],
      ...podOf(resources({ memory: "3Gi" }), resources({ memory: "4Gi" })).spec,
      initContainers: [sidecar],
    },
  };
  assert.equal(oomScoreAdj(pod, sidecar, 10 * gi), 700);
  const { restartPolicy: _, ...init } = sidecar;
  const plain = { spec: { containers: [], initContainers: [init] } };
  assert.equal(oomScoreAdj(plain, init, 10 * gi), 900);
});

/** A pod with resources of its own, and two containers. */
function podLevel(own: Resources, ...containers: Resources[]): Pod {
  const pod = podOf(...containers);
  const spec = { containers: [], ...pod.spec, resources: own };
  return { spec };
}

Deno.test("qosClass() of a pod with resources of its own goes by those", () => {
  assert.equal(qosClass(podLevel(resources({}, half), {}, {})), "Guaranteed");
  const some = resources({ cpu: "1m" });
  assert.equal(qosClass(podLevel(some, resources({}, half))), "Burstable");
  const other = { limits: { "a.com/gpu": "1" } };
  assert.equal(qosClass(podLevel(other, resources({}, half))), "Guaranteed");
});

Deno.test("oomScoreAdj() shares what only the pod asks for among its containers", () => {
  const asked = resources({ memory: "2Gi" });
  const pod = podLevel(resources({ memory: "4Gi" }), asked, {});
  assert.equal(oomScoreAdj(pod, { name: "c1" }, 10 * gi), 900);
  assert.equal(
    oomScoreAdj(pod, { name: "c0", resources: asked }, 10 * gi),
    700,
  );
});

Deno.test("containerResources() has the limits of the pod where the container has none", () => {
  const own = resources(undefined, { memory: "1Gi" });
  const pod = podLevel(resources({}, { cpu: "2", memory: "4Gi" }), own, {});
  const of = (resources: Resources) => {
    const node = { allocatable: {} };
    const { oomScoreAdj: _, ...limits } = containerResources(
      pod,
      { name: "c0", resources },
      node,
    );
    return limits;
  };
  const cpu = { cpuLimitMillis: 2000, cpuRequestMillis: 2000 };
  assert.deepEqual(of(own), { memoryLimitBytes: gi, ...cpu });
  assert.deepEqual(of({}), { memoryLimitBytes: 4 * gi, ...cpu });
});

const kept: readonly (readonly [string, Pod, readonly string[]])[] = [
  ["a pod without any", podOf({}, {}), []],
  ["one container", podLevel(resources({}, half), {}), []],
  [
    "two containers without limits",
    podLevel(resources({}, half), {}, {}),
    ["cpu", "memory"],
  ],
  [
    "containers whose limits are no more together",
    podLevel(
      resources({}, { cpu: "1", memory: "2Gi" }),
      resources({}, half),
      resources({}, half),
    ),
    [],
  ],
  [
    "containers whose memory is more together",
    podLevel(
      resources({}, { cpu: "1", memory: "1Gi" }),
      resources({}, half),
      resources({}, half),
    ),
    ["memory"],
  ],
];
for (const [claim, pod, want] of kept) {
  Deno.test(`podLimitRefusals() names the limits that cannot be kept for ${claim}`, () => {
    assert.deepEqual(
      podLimitRefusals(pod).map(({ field }) => field),
      want.map((name) => `spec.resources.limits[${name}]`),
    );
  });
}

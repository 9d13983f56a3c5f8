import assert from "node:assert/strict";
import type { Container, Pod } from "../k8s/types.ts";
import { podLimits, podRequests, type Resources } from "./pod_resources.ts";

function container(cpu: string, more: Partial<Container> = {}): Container {
  return { name: "c", resources: { requests: { cpu } }, ...more };
}
const sidecar = { restartPolicy: "Always" };

type Spec = Partial<NonNullable<Pod["spec"]>> & { resources?: Resources };

const table: readonly (readonly [string, Spec, Record<string, number>])[] = [
  ["nothing", { containers: [{ name: "c" }] }, {}],
  [
    "containers is their sum",
    { containers: [container("100m"), container("0.2")] },
    { cpu: 300 },
  ],
  [
    "an init container that needs more is what that needs",
    { containers: [container("100m")], initContainers: [container("1")] },
    { cpu: 1000 },
  ],
  [
    "an init container that needs less is what the containers need",
    { containers: [container("1")], initContainers: [container("100m")] },
    { cpu: 1000 },
  ],
  [
    "sidecars is theirs and the containers'",
    {
      containers: [container("100m")],
      initContainers: [container("200m", sidecar), container("50m")],
    },
    { cpu: 300 },
  ],
  [
    "an init container after sidecars is its own and theirs, if that is more",
    {
      containers: [container("100m")],
      initContainers: [container("200m", sidecar), container("500m")],
    },
    { cpu: 700 },
  ],
  [
    "limits only is the limits",
    {
      containers: [{
        name: "c",
        resources: { limits: { cpu: "1", memory: "1Mi" } },
      }],
    },
    { cpu: 1000, memory: 1024 ** 2 },
  ],
  [
    "its own requests is those, for what they name",
    {
      containers: [{
        name: "c",
        resources: { requests: { cpu: "1", memory: "1Mi" } },
      }],
      resources: { requests: { cpu: "2", "ephemeral-storage": "1Gi" } },
    },
    { cpu: 2000, memory: 1024 ** 2 },
  ],
  [
    "overhead has that on top",
    {
      containers: [container("100m")],
      overhead: { cpu: "50m", memory: "1Ki" },
    },
    { cpu: 150, memory: 1024 },
  ],
];
for (const [claim, spec, want] of table) {
  Deno.test(`podRequests() of a pod with ${claim}`, () => {
    const pod: Pod = { spec: { containers: [], ...spec } };
    assert.deepEqual(Object.fromEntries(podRequests(pod)), want);
  });
}

Deno.test("podLimits() adds the overhead only to what is limited", () => {
  const pod: Pod = {
    spec: {
      containers: [{ name: "c", resources: { limits: { cpu: "1" } } }],
      overhead: { cpu: "50m", memory: "1Ki" },
    },
  };
  assert.deepEqual(Object.fromEntries(podLimits(pod)), { cpu: 1050 });
});

import assert from "node:assert/strict";
import type { ContainerStatus, Pod } from "../k8s/types.ts";
import type { Resources } from "./pod_resources.ts";
import { withResources } from "./resource_status.ts";

function status(name: string, containerID?: string): ContainerStatus {
  return {
    name,
    image: "",
    imageID: "",
    ready: true,
    restartCount: 0,
    ...(containerID === undefined ? {} : { containerID }),
  };
}

Deno.test("withResources() tells of each container what it was granted and what it has", () => {
  const granted = { requests: { cpu: "2" }, limits: { memory: "1Gi" } };
  const has = { requests: { cpu: "1" } };
  const pod: Pod = {
    spec: {
      containers: [
        { name: "runs", resources: granted },
        { name: "ended", resources: granted },
        { name: "asks for nothing" },
        { name: "waits", resources: granted },
      ],
    },
  };
  const { containerStatuses = [] } = withResources({
    containerStatuses: [
      status("runs", "x://a"),
      status("ended", "x://b"),
      status("asks for nothing", "x://c"),
      status("waits"),
    ],
  }, { pod, actuated: new Map([["a", has]]) });
  assert.deepEqual(
    containerStatuses.map(({ allocatedResources, resources }) => [
      allocatedResources,
      resources,
    ]),
    [
      [{ cpu: "2" }, has],
      [{ cpu: "2" }, granted],
      [undefined, {}],
      [undefined, undefined],
    ],
  );
});

Deno.test("withResources() sums up a pod that has resources of its own, as the API server writes it", () => {
  const resources: Resources = { requests: { cpu: "1500m" } };
  const spec = {
    containers: [{
      name: "c",
      resources: {
        requests: { memory: "100000k", "ephemeral-storage": "1536Mi" },
        limits: { cpu: "3", memory: "1Gi" },
      },
    }],
    resources,
  };
  const status = withResources({}, { pod: { spec }, actuated: new Map() });
  assert.deepEqual(status.allocatedResources, {
    memory: "100M",
    "ephemeral-storage": "1536Mi",
    cpu: "1500m",
  });
  assert.deepEqual(status.resources?.limits, { cpu: "3", memory: "1Gi" });
});

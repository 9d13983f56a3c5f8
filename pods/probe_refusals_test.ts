import assert from "node:assert/strict";
import type { Pod } from "../k8s/types.ts";
import type { ProbeRuntime } from "./probe_attempt.ts";
import { probeRefusals } from "./probe_refusals.ts";

const pod: Pod = {
  spec: {
    initContainers: [{
      name: "side",
      startupProbe: { httpGet: { port: 80 } },
    }],
    containers: [{
      name: "app",
      livenessProbe: { exec: { command: ["true"] } },
      readinessProbe: { tcpSocket: { port: 80, host: "example.org" } },
    }, {
      name: "rpc",
      livenessProbe: { grpc: { port: 80 } },
    }],
  },
};
const never = () => Promise.reject(new Error("nobody asks"));

for (
  const [claim, runtime, fields] of [
    ["everything of a runtime that can do nothing", {}, [
      "spec.initContainers[0].startupProbe.httpGet",
      "spec.containers[0].readinessProbe.tcpSocket",
      "spec.containers[0].readinessProbe.tcpSocket.host",
      "spec.containers[0].livenessProbe.exec",
      "spec.containers[1].livenessProbe.grpc",
    ]],
    [
      "other hosts where only containers are reached",
      { exec: never, portForward: never },
      ["spec.containers[0].readinessProbe.tcpSocket.host"],
    ],
    [
      "nothing of a runtime that can do all",
      { exec: never, portForward: never, dial: never },
      [],
    ],
  ] as const satisfies readonly (readonly [string, ProbeRuntime, unknown])[]
) {
  Deno.test(`probeRefusals() names ${claim}`, () => {
    assert.deepEqual(
      probeRefusals(pod, runtime).map(({ field }) => field),
      fields,
    );
  });
}

import assert from "node:assert/strict";
import type { Container } from "../k8s/types.ts";
import { unsupportedFields } from "./support.ts";

function refused(container: Record<string, unknown>): readonly string[] {
  const containers = [{ name: "app", ...container } as Container];
  return unsupportedFields({ spec: { containers } }).map(({ field }) => field);
}

Deno.test("unsupportedFields() lets a stop signal pass, and no other part of the lifecycle", () => {
  const stopSignal = "SIGUSR1";
  assert.deepEqual(refused({ lifecycle: { stopSignal } }), []);
  const preStop = { sleep: { seconds: 1 } };
  assert.deepEqual(refused({ lifecycle: { stopSignal, preStop } }), [
    "spec.containers[0].lifecycle",
  ]);
});

Deno.test("unsupportedFields() leaves what only some providers can do to the providers", () => {
  const mountPropagation = "Bidirectional";
  const volumeMounts = [{ name: "v", mountPath: "/v", mountPropagation }];
  const securityContext = { privileged: true, procMount: "Unmasked" };
  assert.deepEqual(refused({ volumeMounts, securityContext }), []);
});

Deno.test("unsupportedFields() names each field that farlet has no meaning for", () => {
  assert.deepEqual(
    refused({
      livenessProbe: { httpGet: { port: 80 } },
      restartPolicy: "Always",
      resources: { claims: [{ name: "gpu" }] },
    }),
    [
      "spec.containers[0].livenessProbe",
      "spec.containers[0].restartPolicy",
      "spec.containers[0].resources.claims",
    ],
  );
});

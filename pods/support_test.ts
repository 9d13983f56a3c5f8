import assert from "node:assert/strict";
import type { Container, Volume } from "../k8s/types.ts";
import { unsupportedFields } from "./support.ts";

function refused(container: Record<string, unknown>): readonly string[] {
  const containers = [{ name: "app", ...container } as Container];
  return unsupportedFields({ spec: { containers } }).map(({ field }) => field);
}

Deno.test("unsupportedFields() leaves what only some providers can do to the providers", () => {
  const mountPropagation = "Bidirectional";
  const volumeMounts = [{ name: "v", mountPath: "/v", mountPropagation }];
  const securityContext = { privileged: true, procMount: "Unmasked" };
  assert.deepEqual(refused({ volumeMounts, securityContext }), []);
});

Deno.test("unsupportedFields() names each field that farlet has no meaning for", () => {
  assert.deepEqual(
    refused({
      volumeDevices: [{ name: "d", devicePath: "/d" }],
      resources: { claims: [{ name: "gpu" }] },
    }),
    [
      "spec.containers[0].volumeDevices",
      "spec.containers[0].resources.claims",
    ],
  );
});

Deno.test("unsupportedFields() refuses kinds of volumes that it has never heard of", () => {
  const volumes = [
    { name: "a", emptyDir: {} },
    { name: "b", newDisk: { size: 1 } },
    { name: "c", projected: { sources: [{ newSource: {} }] } },
  ] as Volume[];
  const refusals = unsupportedFields({ spec: { containers: [], volumes } });
  assert.deepEqual(refusals.map(({ field }) => field), [
    "spec.volumes[1].newDisk",
    "spec.volumes[2].projected.sources[0].newSource",
  ]);
});

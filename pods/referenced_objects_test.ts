import assert from "node:assert/strict";
import {
  containerReferences,
  referencedObjects,
} from "./referenced_objects.ts";

Deno.test("referencedObjects() names each object of volumes and all containers once", () => {
  const found = referencedObjects({
    spec: {
      volumes: [
        { name: "a", configMap: { name: "from-volume" } },
        { name: "b", secret: { secretName: "from-volume" } },
        {
          name: "c",
          projected: {
            sources: [
              { configMap: { name: "projected" } },
              { secret: { name: "projected" } },
              { serviceAccountToken: { path: "token" } },
            ],
          },
        },
        { name: "d", emptyDir: {} },
      ],
      initContainers: [{
        name: "init",
        envFrom: [{ configMapRef: { name: "init" } }],
      }],
      containers: [{
        name: "web",
        envFrom: [{ configMapRef: { name: "init" } }, {
          secretRef: { name: "env-from" },
        }],
        env: [
          {
            name: "A",
            valueFrom: { configMapKeyRef: { name: "key", key: "k" } },
          },
          { name: "B", valueFrom: { secretKeyRef: { name: "key", key: "k" } } },
        ],
      }],
      ephemeralContainers: [{
        name: "debug",
        env: [{
          name: "A",
          valueFrom: { configMapKeyRef: { name: "debug", key: "k" } },
        }],
      }],
    },
  });
  assert.deepEqual(found, {
    configMaps: ["from-volume", "projected", "init", "key", "debug"],
    secrets: ["from-volume", "projected", "env-from", "key"],
  });
});

Deno.test("containerReferences() leaves out a source that a value hides", () => {
  const valueFrom = { secretKeyRef: { name: "hidden", key: "k" } };
  assert.deepEqual(
    containerReferences({ env: [{ name: "A", value: "v", valueFrom }] }),
    { configMaps: [], secrets: [] },
  );
});

import assert from "node:assert/strict";
import { TaskGroup } from "../async/task_group.ts";
import type { Pod } from "../k8s/types.ts";
import { ProgramRuntime } from "../providers/program_runtime.ts";
import { fieldsIgnored, fieldsRefused } from "./pod_fields.ts";
import { testEngine, untilStopped } from "./test_engine.ts";

const container = { name: "app", image: "x:1" };

Deno.test("fieldsRefused() names each place of a field in the pod, and says why", () => {
  const pod = {
    spec: {
      initContainers: [{
        ...container,
        volumeDevices: [{ name: "d", devicePath: "/d" }],
      }],
      containers: [container, {
        ...container,
        resources: { claims: [{ name: "gpu" }] },
      }],
      volumes: [
        { name: "a", emptyDir: {} },
        { name: "b", persistentVolumeClaim: { claimName: "c" } },
      ],
    },
  } as Pod;
  const refused = fieldsRefused(pod);
  assert.deepEqual(refused.map(({ field }) => field), [
    "spec.initContainers[0].volumeDevices",
    "spec.containers[1].resources.claims",
    "spec.volumes[1].persistentVolumeClaim",
  ]);
  assert.match(refused.at(-1)?.message ?? "", /no persistent volumes/);
});

Deno.test("fieldsIgnored() passes values that ask for what is the case anyway", () => {
  const pod = (seLinuxChangePolicy: string) =>
    ({
      spec: {
        containers: [container],
        securityContext: { seLinuxChangePolicy },
      },
    }) as Pod;
  assert.deepEqual(fieldsIgnored(pod("MountOption")), []);
  assert.deepEqual(
    fieldsIgnored(pod("Recursive")).map(({ field }) => field),
    ["spec.securityContext.seLinuxChangePolicy"],
  );
});

Deno.test("PodEngine warns once of each field that it ignores, and runs the pod", async () => {
  const windowsOptions = { runAsUserName: "x" };
  const pod: Pod = {
    metadata: { uid: "u1", namespace: "default", name: "busy" },
    spec: { containers: [container], securityContext: { windowsOptions } },
  };
  const warnings: string[] = [];
  await using runtime = new ProgramRuntime({
    run: untilStopped,
  });
  const engine = testEngine(runtime, {
    events: {
      record: (_, { reason, message }) =>
        void (reason === "IgnoredField" && warnings.push(message)),
    },
    ignored: () => [{ field: "spec.hostname", message: "there is none" }],
  });
  const signal = AbortSignal.timeout(10_000);
  await using group = new TaskGroup(new AbortController().signal);
  group.spawn((signal) => engine.run({ signal }));
  await engine.createPod(pod, { signal });
  const labels = { changed: "yes" };
  await engine.updatePod(
    { ...pod, metadata: { ...pod.metadata, labels } },
    { signal },
  );
  while ((await engine.getPodStatus("u1", { signal }))?.phase !== "Running") {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.deepEqual(warnings, [
    "spec.securityContext.windowsOptions: the node runs no Windows containers",
    "spec.hostname: there is none",
  ]);
});

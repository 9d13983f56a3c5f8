import assert from "node:assert/strict";
import type { ContainerStatus, Pod, PodStatus } from "../k8s/types.ts";
import { podTable, widePodTable } from "./pod_table.ts";

const now = new Date("2026-01-01T01:00:00Z");
const running = { running: { startedAt: "2026-01-01T00:00:00Z" } };

function status(
  name: string,
  state: ContainerStatus["state"],
  more: Partial<ContainerStatus> = {},
): ContainerStatus {
  return {
    name,
    ...(state && { state }),
    ready: state?.running !== undefined,
    restartCount: 0,
    image: "x",
    imageID: "x",
    ...more,
  };
}

function pod(
  status: PodStatus,
  { names = ["app"], metadata = {}, spec = {} }: {
    readonly names?: readonly string[];
    readonly metadata?: Pod["metadata"];
    readonly spec?: Partial<Pod["spec"]>;
  } = {},
): Pod {
  return {
    metadata: {
      name: "web",
      creationTimestamp: "2026-01-01T00:55:00Z",
      ...metadata,
    },
    spec: { containers: names.map((name) => ({ name, image: "x" })), ...spec },
    status,
  };
}

function exited(exitCode: number, reason?: string) {
  return { terminated: { exitCode, ...(reason && { reason }) } };
}

const init = { initContainers: ["one", "two"].map((name) => ({ name })) };
const sidecar = {
  initContainers: [{ name: "side", image: "x", restartPolicy: "Always" }],
};

const table: Readonly<Record<string, readonly [Pod, ...string[]]>> = {
  "a running pod": [
    pod({ phase: "Running", containerStatuses: [status("app", running)] }),
    ...["1/1", "Running", "0"],
  ],
  "a pod that nothing is known of": [
    pod({ phase: "Pending" }),
    ...["0/1", "Pending", "0"],
  ],
  "a pod with a reason": [
    pod({ phase: "Failed", reason: "Evicted" }),
    ...["0/1", "Evicted", "0"],
  ],
  "a pod that waits for gates": [
    pod({
      phase: "Pending",
      conditions: [{
        type: "PodScheduled",
        status: "False",
        reason: "SchedulingGated",
      }],
    }),
    ...["0/1", "SchedulingGated", "0"],
  ],
  "a pod that crashes": [
    pod({
      phase: "Running",
      containerStatuses: [
        status("app", { waiting: { reason: "CrashLoopBackOff" } }, {
          restartCount: 3,
          lastState: {
            terminated: { exitCode: 1, finishedAt: "2026-01-01T00:56:40Z" },
          },
        }),
      ],
    }),
    ...["0/1", "CrashLoopBackOff", "3 (3m20s ago)"],
  ],
  "a pod that has ended": [
    pod({
      phase: "Succeeded",
      containerStatuses: [status("app", exited(0, "Completed"))],
    }),
    ...["0/1", "Completed", "0"],
  ],
  "an exit without a reason": [
    pod({ phase: "Failed", containerStatuses: [status("app", exited(3))] }),
    ...["0/1", "ExitCode:3", "0"],
  ],
  "one container has ended, the other runs and the pod is ready": [
    pod({
      phase: "Running",
      conditions: [{ type: "Ready", status: "True" }],
      containerStatuses: [
        status("app", exited(0, "Completed")),
        status("b", running),
      ],
    }, { names: ["app", "b"] }),
    ...["1/2", "Running", "0"],
  ],
  "one container has ended, the other runs": [
    pod({
      phase: "Running",
      containerStatuses: [
        status("app", exited(0, "Completed")),
        status("b", running),
      ],
    }, { names: ["app", "b"] }),
    ...["1/2", "NotReady", "0"],
  ],
  "the second init container runs": [
    pod({
      phase: "Pending",
      initContainerStatuses: [
        status("one", exited(0, "Completed")),
        status("two", running),
      ],
    }, { spec: init }),
    ...["0/1", "Init:1/2", "0"],
  ],
  "an init container fails": [
    pod({
      phase: "Pending",
      initContainerStatuses: [
        status("one", exited(1, "Error"), { restartCount: 1 }),
      ],
    }, { spec: init }),
    ...["0/1", "Init:Error", "1"],
  ],
  "an init container backs off": [
    pod({
      phase: "Pending",
      initContainerStatuses: [
        status("one", { waiting: { reason: "ImagePullBackOff" } }),
      ],
    }, { spec: init }),
    ...["0/1", "Init:ImagePullBackOff", "0"],
  ],
  "a sidecar counts": [
    pod({
      phase: "Running",
      initContainerStatuses: [status("side", running, { started: true })],
      containerStatuses: [status("app", running)],
    }, { spec: sidecar }),
    ...["2/2", "Running", "0"],
  ],
  "a pod that is being deleted": [
    pod(
      { phase: "Running", containerStatuses: [status("app", running)] },
      { metadata: { deletionTimestamp: "2026-01-01T00:59:00Z" } },
    ),
    ...["1/1", "Terminating", "0"],
  ],
  "a deleted pod that has ended": [
    pod(
      {
        phase: "Failed",
        containerStatuses: [status("app", exited(1, "Error"))],
      },
      { metadata: { deletionTimestamp: "2026-01-01T00:59:00Z" } },
    ),
    ...["0/1", "Error", "0"],
  ],
};

for (const [name, [object, ...cells]] of Object.entries(table)) {
  Deno.test(`podTable shows ${name}`, () => {
    assert.deepEqual(podTable.row(object, now), ["web", ...cells, "5m"]);
  });
}

Deno.test("widePodTable adds addresses, node and readiness gates", () => {
  const object = pod({
    podIPs: [{ ip: "10.0.0.1" }],
    conditions: [{ type: "a/b", status: "True" }],
  }, {
    spec: {
      nodeName: "edge-1",
      readinessGates: [{ conditionType: "a/b" }, { conditionType: "c/d" }],
    },
  });
  assert.deepEqual(
    widePodTable.row(object, now).slice(5),
    ["10.0.0.1", "edge-1", "<none>", "1/2"],
  );
  assert.equal(widePodTable.headers.length, 9);
});

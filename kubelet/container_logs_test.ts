import assert from "node:assert/strict";
import type { ContainerStatus } from "../k8s/types.ts";
import { chooseRun } from "./container_logs.ts";

const running = { running: { startedAt: "2026-01-01T00:00:00Z" } };
const waiting = (reason: string) => ({ waiting: { reason } });
const ended = (containerID?: string) => ({
  terminated: {
    exitCode: 1,
    ...(containerID !== undefined && { containerID }),
  },
});

function choose(status: Partial<ContainerStatus>, previous: boolean) {
  const pod = {
    metadata: { name: "p" },
    status: {
      initContainerStatuses: [{
        name: "c",
        image: "",
        imageID: "",
        ready: false,
        restartCount: 0,
        ...status,
      }],
    },
  };
  const run = chooseRun(pod, "c", { previous });
  return run.kind === "none" ? run.message : run.kind;
}

/** TestValidateContainerLogStatus of kubernetes/pkg/kubelet/kubelet_pods_test.go, and more. */
const cases: [
  name: string,
  status: Partial<ContainerStatus>,
  newest: string,
  previous: string,
][] = [
  [
    "runs for the first time",
    { state: running, containerID: "x://1" },
    "newest",
    'previous terminated container "c" in pod "p" not found',
  ],
  [
    "runs again",
    { state: running, lastState: ended("x://1"), containerID: "x://2" },
    "newest",
    "previous",
  ],
  [
    "has ended once",
    { state: ended("x://1") },
    "newest",
    'previous terminated container "c" in pod "p" not found',
  ],
  [
    "has ended twice",
    { state: ended("x://2"), lastState: ended("x://1") },
    "newest",
    "previous",
  ],
  [
    "could not be started again",
    { state: ended(), lastState: ended("x://1") },
    "newest",
    "newest",
  ],
  [
    "never started",
    { state: ended() },
    'container "c" in pod "p" is terminated',
    'previous terminated container "c" in pod "p" not found',
  ],
  [
    "waits to run again",
    { state: waiting("CrashLoopBackOff"), lastState: ended("x://1") },
    "newest",
    "newest",
  ],
  [
    "is being created",
    { state: waiting("ContainerCreating") },
    'container "c" in pod "p" is waiting to start: ContainerCreating',
    'previous terminated container "c" in pod "p" not found',
  ],
  [
    "has no image",
    { state: waiting("ErrImagePull") },
    `container "c" in pod "p" is waiting to start: image can't be pulled`,
    'previous terminated container "c" in pod "p" not found',
  ],
  [
    "has had no image for a while",
    { state: waiting("ImagePullBackOff") },
    'container "c" in pod "p" is waiting to start: trying and failing to pull image',
    'previous terminated container "c" in pod "p" not found',
  ],
  [
    "has no state",
    {},
    'container "c" in pod "p" is waiting to start - no logs yet',
    'previous terminated container "c" in pod "p" not found',
  ],
];
for (const [name, status, newest, previous] of cases) {
  Deno.test(`chooseRun() of a container that ${name}`, () => {
    assert.equal(choose(status, false), newest);
    assert.equal(choose(status, true), previous);
  });
}

Deno.test("chooseRun() of a container without status has no run", () => {
  assert.deepEqual(
    chooseRun({ metadata: { name: "p" } }, "c", { previous: false }),
    {
      kind: "none",
      message: 'container "c" in pod "p" is not available',
    },
  );
});

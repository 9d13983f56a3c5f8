import type { Pod, PodStatus } from "../k8s/types.ts";
import type {
  Exit,
  ObservedContainer,
  ObservedPod,
  RunState,
} from "../providers/runtime.ts";
import { newMemory, type PodMemory } from "./memory.ts";
import { planPod, type PodPlan } from "./plan.ts";
import { desiredPod } from "./pod_spec.ts";
import { podStatus } from "./status.ts";

/** When the pods of these tests were created. */
export const start = new Date("2026-01-01T00:00:00Z");
/** So many seconds later. */
export function after(seconds: number): Date {
  return new Date(start.getTime() + seconds * 1000);
}

/** A pod with one container, `app`, unless the spec says else. */
export function pod(spec: Partial<NonNullable<Pod["spec"]>> = {}): Pod {
  return {
    metadata: { name: "web", namespace: "default", uid: "u1" },
    spec: { containers: [{ name: "app", image: "a:1" }], ...spec },
  };
}

function exit(code: number, seconds: { from: number; to: number }): Exit {
  return {
    code,
    reason: code === 0 ? "Completed" : "Error",
    startedAt: after(seconds.from),
    finishedAt: after(seconds.to),
  };
}

/** The newest run of a container. */
export function container(
  name: string,
  state: RunState,
  attempt = 0,
): ObservedContainer {
  return { name, attempt, id: name, image: "a:1", imageId: "sha", state };
}

/** How a container runs. */
export const running: RunState = { kind: "running", startedAt: start };
/** How a container ended that ran from one second to another. */
export function ended(code: number, to = 1, from = 0): RunState {
  return { kind: "terminated", exit: exit(code, { from, to }) };
}

/** A pod whose sandbox works. */
export function observed(...containers: ObservedContainer[]): ObservedPod {
  return { uid: "u1", sandbox: "ready", ips: [], containers };
}

/** A pod of which nothing is there. */
export const absent: ObservedPod = {
  uid: "u1",
  sandbox: "absent",
  ips: [],
  containers: [],
};

/** The plan for a pod of that spec, two seconds after its creation. */
export function plan(
  spec: Partial<NonNullable<Pod["spec"]>>,
  seen: ObservedPod,
  { now = after(2), memory = newMemory(start) }: {
    now?: Date;
    memory?: PodMemory;
  } = {},
): PodPlan {
  return planPod(desiredPod(pod(spec)), seen, memory, now);
}

/** What is planned for a pod, with the status that it gets. */
export function outcome(
  given: Pod,
  seen: ObservedPod,
  { now, memory = newMemory(start) }: {
    readonly now: Date;
    readonly memory?: PodMemory;
  },
): { readonly plan: PodPlan; readonly status: PodStatus } {
  const desired = desiredPod(given);
  const plan = planPod(desired, seen, memory, now);
  const status = podStatus({
    desired,
    observed: seen,
    plan,
    memory,
    before: undefined,
    nodeIps: ["10.0.0.1"],
    runtimeName: "test",
    stopped: false,
  }, now);
  return { plan, status };
}

/** The plan in short: `createSandbox, start app#0`. */
export function brief({ actions }: PodPlan): string {
  return actions.map((action) =>
    action.kind === "startContainer"
      ? `start ${action.container.name}#${action.attempt}`
      : action.kind === "stopContainer"
      ? `stop ${action.container} ${action.graceSeconds}s`
      : action.kind
  ).join(", ");
}

import assert from "node:assert/strict";
import { join } from "node:path";
import type { Container, Node, Pod } from "../k8s/types.ts";
import {
  type AgentProcessOptions,
  eventually,
  guestImage,
} from "./agent_process.ts";
import type { ControlPlane } from "./controlplane.ts";

/** Creates a pod of one container in the cluster, `restartPolicy: Never` unless said. */
export async function apply(
  cluster: ControlPlane,
  name: string,
  container: Partial<Container>,
  spec: Partial<NonNullable<Pod["spec"]>> = {},
): Promise<void> {
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 2,
      tolerations: [{ operator: "Exists" }],
      ...spec,
      containers: [{ name: "app", image: guestImage, ...container }],
    },
  };
  const stdin = JSON.stringify(pod);
  await cluster.kubectl(["apply", "-f", "-"], { stdin });
}

/** An object as kubectl shows it; `what` is like `pod/web`. */
export async function get<T>(cluster: ControlPlane, what: string): Promise<T> {
  return JSON.parse(await cluster.kubectl(["get", what, "-o", "json"])) as T;
}

/** The pod, once it has the phase; fails after 30 seconds, showing its status. */
export function phase(
  cluster: ControlPlane,
  name: string,
  wanted: string,
): Promise<Pod> {
  return eventually(async () => {
    const pod = await get<Pod>(cluster, `pod/${name}`);
    const shown = JSON.stringify(pod.status, undefined, 1);
    assert.equal(pod.status?.phase, wanted, shown);
    return pod;
  });
}

/** Whether the agent's state directory still has the pod. */
export async function isKept(
  { stateDir }: AgentProcessOptions,
  { metadata }: Pod,
): Promise<boolean> {
  for await (const { name } of Deno.readDir(join(stateDir, "pods"))) {
    if (name === metadata?.uid) return true;
  }
  return false;
}

/** Status and reason of a condition: `True KubeletReady`. */
export function condition({ status }: Node, type: string): string | undefined {
  const found = status?.conditions?.find((c) => c.type === type);
  return found && `${found.status} ${found.reason}`;
}

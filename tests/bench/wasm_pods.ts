import { join } from "node:path";
import type { KubeClient } from "../../k8s/client.ts";
import { apiPath } from "../../k8s/paths.ts";
import type { Pod, PodStatus } from "../../k8s/types.ts";
import { eventually, guestImage } from "../agent_process.ts";

/** The path of the pods that the benchmarks make. */
export function podsPath(): string {
  return apiPath("v1", "pods", { namespace: "default" });
}

/** A pod of the guest that understands verbs. */
export function guestPod(
  node: string,
  name: string,
  args: readonly string[],
): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      nodeName: node,
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: "app", image: guestImage, args: [...args] }],
    },
  };
}

/** Creates pods on a node, and waits until all are in a phase. */
export async function untilPhase(
  client: KubeClient,
  { pods, phase, signal }: {
    readonly pods: readonly Pod[];
    readonly phase: NonNullable<PodStatus["phase"]>;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  for (const pod of pods) await client.create(podsPath(), pod, { signal });
  const names = new Set(pods.map(({ metadata }) => metadata?.name));
  await eventually(async () => {
    const { items } = await client.list<Pod>(podsPath(), { signal });
    const there = items.filter(({ metadata, status }) =>
      names.has(metadata?.name) && status?.phase === phase
    );
    if (there.length < names.size) {
      throw new Error(`${there.length} of ${names.size} pods are ${phase}`);
    }
  }, { limit: 300_000 });
}

/** When the first line of a pod's log was written, as the log itself says. */
export async function firstLineAt(
  client: KubeClient,
  { name, stateDir, signal }: {
    readonly name: string;
    readonly stateDir: string;
    readonly signal: AbortSignal;
  },
): Promise<number> {
  const pod = await client.get<Pod>(`${podsPath()}/${name}`, { signal });
  const uid = pod?.metadata?.uid ?? "";
  const file = join(stateDir, "pods", uid, "containers", "app", "0", "0.log");
  const [time] = (await Deno.readTextFile(file)).split(" ");
  return Date.parse(time ?? "");
}

/** Removes pods, and waits until none of the benchmark's is left. */
export async function removePods(
  client: KubeClient,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const { items } = await client.list<Pod>(podsPath(), { signal });
  for (const { metadata } of items) {
    await client.delete(`${podsPath()}/${metadata?.name}`, { signal });
  }
  await eventually(async () => {
    const { items } = await client.list<Pod>(podsPath(), { signal });
    if (items.length > 0) throw new Error(`${items.length} pods are left`);
  }, { limit: 300_000 });
}

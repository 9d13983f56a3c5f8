import { KubeClient } from "../../k8s/client.ts";
import { loadCredentials } from "../../k8s/kubeconfig.ts";
import { apiPath } from "../../k8s/paths.ts";
import type { Node } from "../../k8s/types.ts";
import { AgentProcess, eventually } from "../agent_process.ts";
import type { ControlPlane } from "../controlplane.ts";
import { type Figure, percentile, round } from "./figures.ts";
import { podBurst, singlePodLatencies } from "./pod_burst.ts";

/** What the benchmarks share. */
export interface BenchStage {
  readonly cluster: ControlPlane;
  readonly signal: AbortSignal;
  /** What runs farlet; the sources unless given. */
  readonly program?: readonly string[];
}

/** A node of the memory provider: start, memory at rest, latency, throughput. */
export async function benchNode(
  { cluster, signal, program }: BenchStage,
  { pods }: { readonly pods: number },
): Promise<readonly Figure[]> {
  const node = "bench-memory";
  const stateDir = await Deno.makeTempDir();
  const { kubeconfig } = cluster;
  using client = new KubeClient(await loadCredentials({ kubeconfig, env: {} }));
  const begun = performance.now();
  await using agent = AgentProcess.start({
    kubeconfig,
    nodeName: node,
    stateDir,
    provider: "memory",
    ...(program === undefined ? {} : { program }),
  });
  const startMs = await nodeReady(client, { node, signal }) - begun;
  await new Promise((resolve) => setTimeout(resolve, 15_000));
  const restMib = await residentMib(agent.pid);
  const single = await singlePodLatencies(client, { node, count: 20, signal });
  const burst = await podBurst(client, { node, count: pods, signal });
  await Deno.remove(stateDir, { recursive: true });
  return [
    {
      what: "start to Node Ready",
      measured: `${Math.round(startMs)} ms`,
      wanted: "under 3000 ms",
    },
    {
      what: "resident memory at rest, one node",
      measured: `${round(restMib * 1.048576)} MB`,
      wanted: "at most 90 MB",
    },
    {
      what: "one pod alone, creation to Running, median of 20",
      measured: `${Math.round(percentile(single, 50))} ms (slowest ${
        Math.round(Math.max(...single))
      } ms)`,
      wanted: "under 250 ms",
    },
    {
      what: `${burst.pods} pods in a burst, reaching Running`,
      measured: `${burst.runningPerSecond} pods/s`,
      wanted: "at least 110 pods/s",
    },
    {
      what: "creation to Running in that burst, p99",
      measured: `${burst.p99Ms} ms (p50 ${burst.p50Ms} ms)`,
      wanted: "at most 5400 ms",
    },
    {
      what: `${burst.pods} pods deleted in a burst`,
      measured: `${burst.deletedPerSecond} pods/s`,
      wanted: "at least 90 pods/s",
    },
  ];
}

/** Resolves with the time at which the node was seen Ready. */
export async function nodeReady(
  client: KubeClient,
  { node, signal }: { readonly node: string; readonly signal: AbortSignal },
): Promise<number> {
  return await eventually(async () => {
    const found = await client.get<Node>(
      apiPath("v1", "nodes", { name: node }),
      { signal },
    );
    const ready = found?.status?.conditions?.find(({ type }) =>
      type === "Ready"
    );
    if (ready?.status !== "True") throw new Error(`Node ${node} is not ready`);
    return performance.now();
  }, { limit: 120_000 });
}

/** Memory that a process has in RAM. */
export async function residentMib(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  return Number(kib) / 1024;
}
